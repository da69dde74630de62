//! Sending: try first, wait only when the socket is full.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;

use crate::budget;
use crate::clock::now;
use crate::driver::Source;
use crate::outgoing::Outgoing;
use crate::stream::Stream;

impl Stream {
    /// Sends all of `out`. It takes the buffers over, so that a driver may hold them. A send that
    /// fails or is dropped before its end poisons the stream: later sends fail, for the peer has
    /// seen an unknown part of it. So does a send begun while another is under way.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when the peer has taken nothing within the send limit,
    /// [`io::ErrorKind::BrokenPipe`] on a poisoned stream or when the peer takes no more, else
    /// what the socket says.
    pub async fn send(&self, out: Outgoing) -> io::Result<()> {
        if self.poisoned.replace(true) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, Poisoned));
        }
        let mut rest = Rest {
            out,
            sent: 0,
            full: false,
            unsent: None,
        };
        rest.out.join();
        poll_fn(|cx| self.poll_send(cx, &mut rest)).await?;
        self.poisoned.set(false);
        if rest.unsent.is_some() {
            self.send_deadline.set(None);
        }
        Ok(())
    }

    /// Takes note of what came of an attempt.
    fn tried(&self, rest: &mut Rest, result: Result<usize, Errno>) -> io::Result<()> {
        match result {
            Ok(n) => {
                budget::spend(n);
                rest.full = n < rest.left();
                rest.sent += n;
                if rest.full {
                    self.await_progress(rest);
                }
            }
            Err(Errno::AGAIN) => {
                rest.full = true;
                if rest.unsent.is_none() {
                    self.await_progress(rest);
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                self.was_reset.set(error == Errno::CONNRESET);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn poll_send(&self, cx: &mut Context<'_>, rest: &mut Rest) -> Poll<io::Result<()>> {
        if self.send_deadline.is_overdue() && !self.peer_took_some(rest) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(budget::poll_left(cx));
        while rest.left() > 0 {
            if rest.full {
                ready!(self.poll_room(cx))?;
                rest.full = false;
            }
            let result = rest.send_some(&self.source);
            self.tried(rest, result)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Starts the time in which the peer must take something.
    fn await_progress(&self, rest: &mut Rest) {
        rest.unsent = Some(self.source.unacknowledged());
        self.send_deadline
            .set(self.send_limit.get().map(|limit| now() + limit));
    }

    /// A socket is writable again only when a good part of its buffer is free, which a slow peer
    /// may not manage in time though it reads all along. Its queue tells the difference.
    fn peer_took_some(&self, rest: &mut Rest) -> bool {
        let before = rest.unsent.unwrap_or(usize::MAX);
        let took = self.source.unacknowledged() < before;
        if took {
            self.await_progress(rest);
        }
        took
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.source.poll_writable(cx);
        match polled {
            Poll::Pending => self.send_deadline.park(cx.waker()),
            Poll::Ready(_) => self.send_deadline.unpark(),
        }
        polled
    }
}

/// Why a send on a poisoned stream fails.
#[derive(Debug)]
struct Poisoned;

impl fmt::Display for Poisoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an earlier send on this connection was cut off")
    }
}

impl std::error::Error for Poisoned {}

/// A send under way.
struct Rest {
    out: Outgoing,
    sent: usize,
    /// The socket takes no more for now.
    full: bool,
    /// Bytes that the peer had not taken when the present wait began; none before the first.
    unsent: Option<usize>,
}

impl Rest {
    fn left(&self) -> usize {
        self.out.len() - self.sent
    }

    /// One send of what is left, by a call of our own. A partial one says that the socket is full.
    fn send_some(&self, source: &Source) -> Result<usize, Errno> {
        let (slices, used) = self.out.after(self.sent);
        source.send(&slices[..used])
    }
}
