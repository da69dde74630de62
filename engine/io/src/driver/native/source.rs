//! A descriptor that this driver serves.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, Waker};

use rustix::io::Errno;

use super::core::{self, Core};
use super::slots::End;
use super::token::{Key, Op};
use crate::driver::incoming::{Ahead, Incoming, Wish};
use crate::lease::Lease;
use crate::outgoing::Outgoing;

/// A descriptor, and the slot in which the driver keeps what it knows of it.
pub(crate) struct Source {
    /// Nothing once it was given back.
    fd: Option<OwnedFd>,
    run: u64,
    pub(super) key: Key,
}

impl Source {
    /// Takes over a non-blocking descriptor: socket, listener or eventfd.
    ///
    /// # Errors
    /// Outside a run of this driver.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let run = core::running();
        let key = core::with(run, |core| core.slots.allot()).ok_or_else(over)?;
        Ok(Self {
            fd: Some(fd),
            run,
            key,
        })
    }

    /// Ready when a read is worth trying, or when there is something for
    /// [`Source::poll_incoming`].
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.on_core(|core| {
            let slot = core.slots.owned(self.key);
            if !slot.unread.is_empty() || slot.end.is_some() {
                return Poll::Ready(Ok(()));
            }
            if slot.receiving {
                return wait(&mut slot.reader, cx);
            }
            self.poll_for_itself(core, cx)
        })
    }

    /// Waits until a read is worth trying.
    pub(super) async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Ready when a write is worth trying.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.on_core(|core| {
            let slot = core.slots.owned(self.key);
            if std::mem::take(&mut slot.writable) {
                return Poll::Ready(Ok(()));
            }
            let asked = slot.polling_out;
            let polled = wait(&mut slot.writer, cx);
            if !asked {
                core.poll_out(self.key, self.fd().as_raw_fd());
            }
            polled
        })
    }

    /// Takes a send over, once [`Source::poll_flushed`] says that none is under way.
    ///
    /// # Errors
    /// Outside the run that it belongs to.
    pub(crate) fn hand_over(&self, out: Outgoing) -> io::Result<()> {
        core::with(self.run, |core| core.send(self.key, self.fd(), out)).ok_or_else(over)
    }

    /// Ready when the kernel has all that was handed over, or has refused it, which stays so.
    pub(crate) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.on_core(|core| {
            let slot = core.slots.owned(self.key);
            match slot.send_failed {
                Some(errno) => Poll::Ready(Err(errno.into())),
                None if slot.departure.is_none() => Poll::Ready(Ok(())),
                None => wait(&mut slot.writer, cx),
            }
        })
    }

    /// Bytes that were handed over and that the kernel has not taken.
    pub(crate) fn departing(&self) -> usize {
        let left = core::with(self.run, |core| {
            let departure = core.slots.owned(self.key).departure.as_ref();
            departure.map_or(0, |departure| departure.left())
        });
        left.unwrap_or(0)
    }

    /// Whether a send was told that the connection was reset. The kernel tells that once.
    pub(crate) fn was_reset(&self) -> bool {
        core::with(self.run, |core| core.slots.owned(self.key).send_failed)
            == Some(Some(Errno::CONNRESET))
    }

    /// What has been received ahead, or when the caller is to read for itself.
    pub(crate) fn poll_incoming(
        &self,
        cx: &mut Context<'_>,
        wish: Wish,
    ) -> Poll<io::Result<Incoming>> {
        self.on_core(|core| {
            let slot = core.slots.owned(self.key);
            if !slot.unread.is_empty() {
                let before = slot.unread.len();
                let lease = slot.unread.take(wish);
                core.unread -= before - slot.unread.len();
                return Poll::Ready(Ok(Incoming::Bytes(lease)));
            }
            match slot.end {
                None => {}
                Some(End::Finished) => return Poll::Ready(Ok(Incoming::End)),
                Some(End::Failed(errno)) => {
                    // Told once; then there is nothing more.
                    slot.end = Some(End::Finished);
                    return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
                }
            }
            if wish.is_bulk() {
                slot.found_bulk();
            }
            if slot.receiving {
                let stop = slot.bulk > 0 && !std::mem::replace(&mut slot.cancelled, true);
                let polled = wait(&mut slot.reader, cx);
                if stop {
                    core.ring.cancel(self.key, Op::Receive);
                }
                return polled;
            }
            if wish.eager {
                return Poll::Ready(Ok(Incoming::Read));
            }
            if slot.bulk > 0 {
                return self.poll_bulk(core, cx).map_ok(|()| Incoming::Read);
            }
            let polled = wait(&mut slot.reader, cx);
            core.receive(self.key, self.fd());
            polled
        })
    }

    /// A connection that has been accepted ahead, or when the caller is to accept for itself. With
    /// `last` none will be accepted ahead any more.
    pub(crate) fn accepted(&self, last: bool) -> Ahead {
        let taken = core::with(self.run, |core| {
            // Where the kernel does not let go, it has at most one more turn to make.
            let settled = !last || core.settle(self.key).is_ok();
            let slot = core.slots.owned(self.key);
            match (slot.next_accepted(), slot.end.take()) {
                (Some(socket), end) => {
                    slot.end = end;
                    Ahead::Socket(socket.into())
                }
                (None, Some(End::Failed(errno))) if !last => {
                    Ahead::Failed(Errno::from_raw_os_error(errno))
                }
                _ if slot.accepting && settled => Ahead::Nothing,
                _ => Ahead::Unknown,
            }
        });
        taken.unwrap_or(Ahead::Unknown)
    }

    /// Ends accepting ahead for now; what has been accepted stays.
    pub(crate) fn end_ahead(&self) {
        // Where the kernel does not let go, what it accepts is found later.
        core::with(self.run, |core| core.settle(self.key).is_ok());
    }

    /// Ready when there is something for [`Source::accepted`].
    pub(crate) fn poll_accepted(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.on_core(|core| {
            let slot = core.slots.owned(self.key);
            if slot.has_accepted() || slot.end.is_some() {
                return Poll::Ready(Ok(()));
            }
            if slot.accepting {
                return wait(&mut slot.reader, cx);
            }
            if slot.accept_later {
                let polled = self.poll_for_itself(core, cx);
                core.slots.owned(self.key).accept_later = polled.is_pending();
                return polled;
            }
            let polled = wait(&mut slot.reader, cx);
            core.accept(self.key, self.fd());
            polled
        })
    }

    /// Gives back bytes that were handed out and could not be used yet.
    pub(crate) fn put_back(&self, lease: Lease) {
        core::with(self.run, |core| {
            core.slots.owned(self.key).unread.put_back(lease);
            core.unread += 1;
        });
    }

    /// Has the kernel tell what comes, so that [`Source::is_quiet`] knows.
    pub(crate) fn watch(&self) {
        core::with(self.run, |core| {
            let slot = core.slots.owned(self.key);
            let told = slot.receiving || slot.polling_in || slot.readable;
            if told || slot.end.is_some() || !slot.unread.is_empty() {
                return;
            }
            match slot.bulk {
                0 => core.receive(self.key, self.fd()),
                _ => core.poll_in(self.key, self.fd().as_raw_fd()),
            }
        });
    }

    /// Whether nothing had come when the kernel was last asked, which is once a round; nothing where
    /// the driver does not know, as it neither receives ahead nor waits for readiness.
    pub(crate) fn is_quiet(&self) -> Option<bool> {
        core::with(self.run, |core| {
            // Bytes that have left the socket may wait there.
            core.take_news();
            let asked = core.has_asked(self.key);
            let slot = core.slots.owned(self.key);
            let came = !slot.unread.is_empty() || slot.end.is_some() || slot.send_failed.is_some();
            (came || asked).then_some(!came)
        })
        .flatten()
    }

    /// Gives the descriptor back, free of this driver.
    ///
    /// # Errors
    /// When bytes have come that nobody has received, or are still to be sent: the descriptor alone
    /// would lose them.
    pub(crate) fn into_fd(mut self) -> io::Result<OwnedFd> {
        self.on_core_now(|core| {
            let slot = core.slots.owned(self.key);
            if slot.departure.is_some() || slot.send_failed.is_some() {
                return Err(left("bytes are still to be sent"));
            }
            core.settle(self.key)?;
            if !core.slots.owned(self.key).unread.is_empty() {
                return Err(left("bytes have come that nobody has received"));
            }
            core.slots.free(self.key);
            Ok(())
        })?;
        Ok(self.fd.take().expect("a source has its descriptor"))
    }

    /// One of the receives that read for themselves: when to.
    pub(super) fn poll_bulk(&self, core: &mut Core, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.poll_for_itself(core, cx);
        if polled.is_ready() {
            core.slots.owned(self.key).bulk -= 1;
        }
        polled
    }

    /// Readiness to read, without receiving.
    fn poll_for_itself(&self, core: &mut Core, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let slot = core.slots.owned(self.key);
        if std::mem::take(&mut slot.readable) {
            return Poll::Ready(Ok(()));
        }
        let asked = slot.polling_in;
        let polled = wait(&mut slot.reader, cx);
        if !asked {
            core.poll_in(self.key, self.fd().as_raw_fd());
        }
        polled
    }

    pub(super) fn on_core<T>(
        &self,
        work: impl FnOnce(&mut Core) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        core::with(self.run, work).unwrap_or_else(|| Poll::Ready(Err(over())))
    }

    fn on_core_now<T>(&self, work: impl FnOnce(&mut Core) -> io::Result<T>) -> io::Result<T> {
        core::with(self.run, work).unwrap_or_else(|| Err(over()))
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        self.fd.as_ref().expect("a source has its descriptor")
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().as_fd()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let Some(fd) = self.fd.take() else { return };
        // Once the run is over nothing is with the kernel, and the descriptor is simply closed.
        let wakers = core::with(self.run, |core| core.leave(self.key, fd));
        // Dropped outside the borrow: what a waker keeps alive may be a source.
        drop(wakers);
    }
}

/// Leaves a waker to be woken.
pub(super) fn wait<T>(place: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    match place {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        place => *place = Some(cx.waker().clone()),
    }
    Poll::Pending
}

fn left(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn over() -> io::Error {
    io::Error::other("the core that served this descriptor has ended")
}
