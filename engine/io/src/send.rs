//! Sending: handed over to a driver that sends by itself, else tried first and waited for only when
//! the socket is full.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;

use crate::budget;
use crate::clock::now;
use crate::driver::Source;
use crate::outgoing::Outgoing;
use crate::pipe::Pipe;
use crate::pool;
use crate::shelf::Place;
use crate::stream::Stream;

/// Bytes up to which a send ends when the driver has them: as a socket's own buffer would.
const LENT: usize = pool::SMALL;

impl Stream {
    /// Sends all of `out`. It takes the buffers over, so that a driver may hold them. When it ends
    /// the kernel has the bytes, or, where they are few (16 KiB), the driver: what becomes of those
    /// the next send, or [`Stream::flushed`], tells. A send that fails or is dropped before its end
    /// poisons the stream: later sends fail, for the peer has seen an unknown part of it. So does a
    /// send begun while another is under way.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when the peer has taken nothing within the send limit,
    /// [`io::ErrorKind::BrokenPipe`] on a poisoned stream or when the peer takes no more, else
    /// what the socket says.
    pub async fn send(&self, mut out: Outgoing) -> io::Result<()> {
        if self.poisoned.replace(true) {
            return Err(poisoned());
        }
        out.join();
        let mut wait = Wait::default();
        let place = out.place().filter(|_| self.source.sends_files());
        if let Some(place) = place {
            self.turn().await?;
            let load = Load::Shelved {
                out,
                sent: 0,
                place,
            };
            self.send_load(load, &mut wait).await?;
        } else if self.source.takes_over() {
            let few = out.len() <= LENT;
            self.turn().await?;
            budget::spend(out.len());
            self.source.hand_over(out)?;
            if !few {
                poll_fn(|cx| self.poll_flushed(cx, &mut wait)).await?;
            }
        } else {
            let load = Load::Memory { out, sent: 0 };
            self.send_load(load, &mut wait).await?;
        }
        self.poisoned.set(false);
        self.end_wait(&wait);
        Ok(())
    }

    /// Sends all that `pipe` holds; when it ends the kernel has sent it on. Otherwise as
    /// [`Stream::send`].
    ///
    /// # Errors
    /// As [`Stream::send`].
    pub async fn send_piped(&self, pipe: Pipe) -> io::Result<()> {
        if self.poisoned.replace(true) {
            return Err(poisoned());
        }
        let mut wait = Wait::default();
        self.turn().await?;
        self.send_load(Load::Pipe(pipe), &mut wait).await?;
        self.poisoned.set(false);
        self.end_wait(&wait);
        Ok(())
    }

    /// Waits until the kernel has all that was sent. What is left when the stream is dropped is sent
    /// only as far as there is room for it.
    ///
    /// # Errors
    /// As [`Stream::send`].
    pub async fn flushed(&self) -> io::Result<()> {
        if self.poisoned.get() {
            return Err(poisoned());
        }
        let mut wait = Wait::default();
        let flushed = poll_fn(|cx| self.poll_flushed(cx, &mut wait)).await;
        self.poisoned.set(flushed.is_err());
        self.end_wait(&wait);
        flushed
    }

    /// Waits until the next send may begin.
    async fn turn(&self) -> io::Result<()> {
        let mut wait = Wait::default();
        poll_fn(|cx| {
            ready!(budget::poll_left(cx));
            self.poll_flushed(cx, &mut wait)
        })
        .await?;
        // The peer has taken what was under way: its time for what follows begins anew.
        self.end_wait(&wait);
        Ok(())
    }

    fn poll_flushed(&self, cx: &mut Context<'_>, wait: &mut Wait) -> Poll<io::Result<()>> {
        let polled = self.source.poll_flushed(cx);
        if polled.is_pending() {
            if self.is_too_late(wait) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            if !wait.has_begun() {
                // Most such waits end with the turn: how much is unsent is looked at when it is late.
                self.begin_wait(wait, usize::MAX);
            }
            self.send_deadline.park(cx.waker());
        }
        polled
    }

    async fn send_load(&self, load: Load, wait: &mut Wait) -> io::Result<()> {
        let mut rest = Rest { load, full: false };
        poll_fn(|cx| self.poll_send(cx, &mut rest, wait)).await
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        rest: &mut Rest,
        wait: &mut Wait,
    ) -> Poll<io::Result<()>> {
        if self.is_too_late(wait) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(budget::poll_left(cx));
        while rest.load.len() > 0 {
            if rest.full {
                ready!(self.poll_room(cx))?;
                rest.full = false;
            }
            let result = rest.load.send_some(&self.source);
            self.tried(rest, result, wait)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes note of what came of an attempt. A partial one says that the socket is full.
    fn tried(
        &self,
        rest: &mut Rest,
        result: Result<usize, Errno>,
        wait: &mut Wait,
    ) -> io::Result<()> {
        match result {
            Ok(n) => {
                budget::spend(n);
                rest.full = rest.load.len() > 0;
                if rest.full {
                    self.begin_wait(wait, self.source.unacknowledged());
                }
            }
            Err(Errno::AGAIN) => {
                rest.full = true;
                if !wait.has_begun() {
                    self.begin_wait(wait, self.source.unacknowledged());
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

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.source.poll_writable(cx);
        match polled {
            Poll::Pending => self.send_deadline.park(cx.waker()),
            Poll::Ready(_) => self.send_deadline.unpark(),
        }
        polled
    }

    /// Starts the time in which the peer must take something of what it has not taken.
    fn begin_wait(&self, wait: &mut Wait, unsent: usize) {
        wait.unsent = Some(unsent);
        self.send_deadline
            .set(self.send_limit.get().map(|limit| now() + limit));
    }

    fn end_wait(&self, wait: &Wait) {
        if wait.has_begun() {
            self.send_deadline.set(None);
            self.send_deadline.unpark();
        }
    }

    /// Whether the peer has taken nothing in its time. A socket is writable again only when a good
    /// part of its buffer is free, which a slow peer may not manage in time though it reads all
    /// along. Its queue tells the difference.
    fn is_too_late(&self, wait: &mut Wait) -> bool {
        let Some(before) = wait.unsent else {
            return false;
        };
        if !self.send_deadline.is_overdue() {
            return false;
        }
        let unsent = self.source.unacknowledged();
        let took = unsent < before;
        if took {
            self.begin_wait(wait, unsent);
        }
        !took
    }
}

fn poisoned() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, Poisoned)
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

/// A wait for the peer to take something.
#[derive(Default)]
struct Wait {
    /// Bytes that it had not taken when the wait began; none before one has begun.
    unsent: Option<usize>,
}

impl Wait {
    fn has_begun(&self) -> bool {
        self.unsent.is_some()
    }
}

/// A send under way by calls of our own.
struct Rest {
    load: Load,
    /// The socket takes no more for now.
    full: bool,
}

/// What is sent.
enum Load {
    /// Bytes in our memory, `sent` of which have gone.
    Memory { out: Outgoing, sent: usize },
    /// The same where the body lies on the shelf.
    Shelved {
        out: Outgoing,
        sent: usize,
        place: Place,
    },
    /// Bytes that are with the kernel.
    Pipe(Pipe),
}

impl Load {
    /// Bytes that are left.
    fn len(&self) -> usize {
        match self {
            Self::Memory { out, sent } | Self::Shelved { out, sent, .. } => out.len() - sent,
            Self::Pipe(pipe) => pipe.len(),
        }
    }

    /// One call for what is left; gives how much of it has gone.
    fn send_some(&mut self, source: &Source) -> Result<usize, Errno> {
        match self {
            Self::Memory { out, sent } => {
                let (slices, used) = out.after(*sent);
                let n = source.send(&slices[..used])?;
                *sent += n;
                Ok(n)
            }
            Self::Shelved { out, sent, place } => {
                let n = send_shelved(out, *sent, *place, source)?;
                *sent += n;
                Ok(n)
            }
            Self::Pipe(pipe) => pipe.drain(source),
        }
    }
}

/// Sends what there is room for of what is left of a head and a body on the shelf.
fn send_shelved(
    out: &Outgoing,
    sent: usize,
    place: Place,
    source: &Source,
) -> Result<usize, Errno> {
    let mut gone = 0;
    if sent < out.head.len() {
        let head = &out.head[sent..];
        gone = source.send_more(head)?;
        if gone < head.len() {
            return Ok(gone);
        }
    }
    let at = sent + gone - out.head.len();
    let left = out.body.as_ref().len() - at;
    match source.send_file(place.file, place.offset + at as u64, left) {
        // The file is as long as it is said to be.
        Ok(0) => Err(Errno::IO),
        Ok(n) => Ok(gone + n),
        // What comes next will say so again.
        Err(_) if gone > 0 => Ok(gone),
        Err(error) => Err(error),
    }
}
