//! Receiving: what the driver has received ahead; else wait, then take a buffer, then read
//! without waiting.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;

use crate::budget;
use crate::driver::{self, Incoming, Wish};
use crate::lease::Lease;
use crate::pipe::{self, Pipe};
use crate::pool;
use crate::stream::Stream;

/// Bytes that are read at first behind a body that was moved through a pipe: room for a head. More would be of the next
/// body, and cost less to move than to copy.
const HEADS_WORTH: usize = 4 << 10;

/// What a receive of bytes that are only passed on came to.
#[derive(Debug)]
pub enum Received {
    /// Bytes in our memory, where they were received ahead or no pipe was left.
    Bytes(Lease),
    /// Bytes that are still with the kernel.
    Piped(Pipe),
}

impl Received {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(lease) => lease.len(),
            Self::Piped(pipe) => pipe.len(),
        }
    }
}

impl Stream {
    /// Waits for bytes and takes what is there, at most 16 KiB; empty at the end of what the peer
    /// sends. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when the receive deadline has passed, else what the socket says.
    pub async fn recv(&self) -> io::Result<Lease> {
        self.recv_sized(pool::SMALL).await
    }

    /// As [`Stream::recv`], in a larger buffer where `hint` bytes are expected: 16, 64 or 256 KiB.
    ///
    /// # Errors
    /// As [`Stream::recv`].
    pub async fn recv_sized(&self, hint: usize) -> io::Result<Lease> {
        poll_fn(|cx| {
            self.poll_recv(cx, hint, |incoming| match incoming {
                Incoming::Bytes(lease) => Ok(self.copied(lease)),
                Incoming::End => Ok((Lease::empty(), 0)),
                Incoming::Read => Ok(self.copied(self.read(hint, self.first_read(hint))?)),
            })
        })
        .await
    }

    /// As [`Stream::recv_sized`] for bytes that are only passed on: they may stay with the kernel,
    /// and then are no more than `most`. Empty bytes are the end.
    ///
    /// # Errors
    /// As [`Stream::recv`].
    pub async fn recv_piped(&self, most: usize) -> io::Result<Received> {
        poll_fn(|cx| {
            self.poll_recv(cx, most, |incoming| {
                let received = match incoming {
                    Incoming::Bytes(lease) => Received::Bytes(lease),
                    Incoming::End => Received::Bytes(Lease::empty()),
                    Incoming::Read => match Pipe::take() {
                        Some(pipe) => self.fill(pipe, most)?,
                        None => Received::Bytes(self.read(most, usize::MAX)?),
                    },
                };
                let n = received.len();
                self.moved.set(matches!(received, Received::Piped(_)));
                Ok((received, n))
            })
        })
        .await
    }

    /// Waits for bytes and appends what is there to `held`, moving it to a larger buffer where
    /// there is no room behind it; gives their count, 0 at the end. Dropping the future loses
    /// nothing. The caller bounds how long `held` may grow.
    ///
    /// # Errors
    /// As [`Stream::recv`].
    pub async fn recv_more(&self, held: &mut Lease) -> io::Result<usize> {
        poll_fn(|cx| {
            self.poll_recv(cx, pool::SMALL, |incoming| {
                let n = match incoming {
                    Incoming::Bytes(lease) => self.append(held, lease),
                    Incoming::End => 0,
                    Incoming::Read => {
                        let most = match held.is_empty() {
                            true => self.first_read(pool::SMALL),
                            false => usize::MAX,
                        };
                        held.make_room();
                        self.read_into(held, most)?
                    }
                };
                self.moved.set(false);
                Ok((n, n))
            })
        })
        .await
    }

    /// Runs `take`, which gives its result and how many bytes it moved, when that is worth trying.
    fn poll_recv<T>(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        mut take: impl FnMut(Incoming) -> Result<(T, usize), Errno>,
    ) -> Poll<io::Result<T>> {
        if self.recv_deadline.is_overdue() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(budget::poll_left(cx));
        loop {
            let incoming = ready!(self.poll_incoming(cx, most))?;
            match take(incoming) {
                // Whoever asks the kernel first is told of a reset; whoever asks next finds an end,
                // which must not be taken for that of a whole message.
                Ok((_, 0)) if self.was_reset.get() || self.source.was_reset() => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Ok((result, n)) => {
                    budget::spend(n);
                    return Poll::Ready(Ok(result));
                }
                Err(Errno::AGAIN) => self.eager.set(false),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn poll_incoming(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Incoming>> {
        let eager = self.eager.get();
        let polled = self.source.poll_incoming(cx, Wish { eager, most });
        match polled {
            Poll::Pending => self.recv_deadline.park(cx.waker()),
            Poll::Ready(_) if driver::has_light_wakers() => {}
            Poll::Ready(_) => self.recv_deadline.unpark(),
        }
        polled
    }

    /// Appends bytes that were received ahead; what there is no room for is received next.
    fn append(&self, held: &mut Lease, mut more: Lease) -> usize {
        if held.is_empty() {
            let n = more.len();
            *held = more;
            return n;
        }
        held.make_room();
        let n = held.append(&more);
        more.advance(n);
        if !more.is_empty() {
            self.source.put_back(more);
        }
        n
    }

    /// One read of at most `most` bytes into a buffer of its own; empty at the end.
    fn read(&self, hint: usize, most: usize) -> Result<Lease, Errno> {
        let mut lease = Lease::holding(pool::take_block(hint), 0);
        let n = self.read_into(&mut lease, most)?;
        Ok(if n == 0 { Lease::empty() } else { lease })
    }

    /// Most bytes that a read takes which may be the start of a message, where there is room for `room`.
    fn first_read(&self, room: usize) -> usize {
        let follows_moved = self.moved.get() && room <= pool::SMALL;
        if follows_moved {
            HEADS_WORTH
        } else {
            usize::MAX
        }
    }

    /// Bytes in our memory with their count; they are what came last.
    fn copied(&self, lease: Lease) -> (Lease, usize) {
        self.moved.set(false);
        let n = lease.len();
        (lease, n)
    }

    /// Moves what is there into an empty pipe.
    fn fill(&self, mut pipe: Pipe, most: usize) -> Result<Received, Errno> {
        let result = pipe.fill(&self.source, most);
        // Less than a pipe holds is all that the caller expects.
        self.eager.set(result == Ok(most) && most >= pipe::SIZE);
        Ok(match result? {
            0 => Received::Bytes(Lease::empty()),
            _ => Received::Piped(pipe),
        })
    }

    /// One read of at most `most` bytes, to the end of `lease`'s buffer. A full one says that more may be
    /// there, so the next receive tries before it waits.
    fn read_into(&self, lease: &mut Lease, most: usize) -> Result<usize, Errno> {
        let mut result = Ok(0);
        lease.fill_with(|room| {
            let most = most.min(room.len());
            result = self.source.recv(&mut room[..most]);
            self.eager.set(result == Ok(most));
            result.unwrap_or(0)
        });
        result
    }
}
