//! Sending: try first, wait only when the socket is full.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustix::io::Errno;

use crate::budget;
use crate::clock::now;
use crate::driver::Source;
use crate::lease::Lease;
use crate::scratch::Scratch;
use crate::stream::Stream;

/// What one send puts on the wire: head, then body, then tail, in one vectored call where it fits.
#[derive(Debug)]
pub struct Outgoing {
    /// Bytes written for this send.
    pub head: Scratch,
    /// Bytes passed on.
    pub body: Payload,
    /// A constant end, such as that of a chunk.
    pub tail: &'static [u8],
}

/// A run of body bytes that a send takes over.
#[derive(Debug)]
pub enum Payload {
    /// No bytes.
    None,
    /// Bytes received on this core.
    Lease(Lease),
    /// Bytes that cores may share.
    Bytes(Bytes),
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Lease(lease) => lease,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Outgoing {
    /// A send of a head alone.
    pub fn head(head: Scratch) -> Self {
        Self {
            head,
            body: Payload::None,
            tail: b"",
        }
    }

    /// A send of bytes passed on as they are.
    pub fn body(body: Payload) -> Self {
        Self {
            head: Scratch::none(),
            body,
            tail: b"",
        }
    }
}

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
        poll_fn(|cx| self.poll_send(cx, &mut rest)).await?;
        self.poisoned.set(false);
        if rest.unsent.is_some() {
            self.send_deadline.set(None);
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
            match rest.send_some(&self.source) {
                Ok(n) => {
                    budget::spend(n);
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
                    return Poll::Ready(Err(error.into()));
                }
            }
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
    fn parts(&self) -> [&[u8]; 3] {
        [&self.out.head, self.out.body.as_ref(), self.out.tail]
    }

    fn left(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum::<usize>() - self.sent
    }

    /// One vectored send of what is left. A partial one says that the socket is full.
    fn send_some(&mut self, source: &Source) -> Result<usize, Errno> {
        let left = self.left();
        let mut slices = [IoSlice::new(&[]); 3];
        let mut skip = self.sent;
        let mut used = 0;
        for part in self.parts() {
            let skipped = skip.min(part.len());
            skip -= skipped;
            if skipped < part.len() {
                slices[used] = IoSlice::new(&part[skipped..]);
                used += 1;
            }
        }
        let n = source.send(&slices[..used])?;
        self.full = n < left;
        self.sent += n;
        Ok(n)
    }
}
