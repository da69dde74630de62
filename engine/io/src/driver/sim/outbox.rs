//! Sends that a simulated core has taken over, as the native driver does: they go off a little
//! later, whatever becomes of whoever began them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::io::Errno;

use super::conn::Conn;
use super::executor;
use super::socket::{Socket, What, at_end};
use super::wire::{Flight, Side};
use crate::outgoing::Outgoing;

/// What one socket has still to send.
#[derive(Default)]
pub(super) struct Outbox {
    /// A send is under way.
    busy: Cell<bool>,
    failed: Cell<Option<Errno>>,
    /// Bytes that have not gone off.
    left: Cell<usize>,
    /// Nobody wants it any more: what cannot go at once does not go.
    abandoned: Cell<bool>,
    /// Who waits for the send to end.
    waiter: RefCell<Option<Waker>>,
    /// What sends.
    sender: RefCell<Option<Waker>>,
}

impl Outbox {
    /// Whether a send is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Why a send has ended early.
    pub(super) fn failed(&self) -> Option<Errno> {
        self.failed.get()
    }

    /// Bytes that were handed over and have not gone off.
    pub(super) fn left(&self) -> usize {
        self.left.get()
    }

    /// Ready when nothing is under way.
    pub(super) fn poll_flushed(&self, cx: &Context<'_>) -> Poll<Result<(), Errno>> {
        match self.failed.get() {
            Some(errno) => Poll::Ready(Err(errno)),
            None if !self.busy.get() => Poll::Ready(Ok(())),
            None => {
                self.waiter.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// The socket's owner has gone.
    pub(super) fn abandon(&self) {
        self.abandoned.set(true);
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    fn end(&self, outcome: Result<(), Errno>) {
        self.busy.set(false);
        self.failed.set(outcome.err());
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }
}

/// Sends `out` from a task of its own, which holds the socket until it is done.
pub(super) fn send(socket: Rc<Socket>, outbox: Rc<Outbox>, out: Outgoing) {
    assert!(!outbox.busy.replace(true), "one send after another");
    outbox.left.set(out.len());
    let mut sending = Sending {
        socket,
        outbox,
        out,
        sent: 0,
    };
    executor::spawn(async move {
        let outcome = poll_fn(|cx| sending.poll(cx)).await;
        sending.outbox.end(outcome);
    });
}

struct Sending {
    socket: Rc<Socket>,
    outbox: Rc<Outbox>,
    out: Outgoing,
    sent: usize,
}

impl Sending {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Errno>> {
        loop {
            match self.push() {
                Err(Errno::AGAIN) if self.outbox.abandoned.get() => {
                    return Poll::Ready(Err(Errno::CANCELED));
                }
                Err(Errno::AGAIN) => {}
                outcome => return Poll::Ready(outcome),
            }
            self.outbox.sender.replace(Some(cx.waker().clone()));
            let room = self.on_end(|conn, side, _, _| conn.poll_writable(side, cx))?;
            if room.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Sends until all of it has gone or there is no room.
    fn push(&mut self) -> Result<(), Errno> {
        while self.sent < self.out.len() {
            let (slices, used) = self.out.after(self.sent);
            let pushed = self
                .on_end(|conn, side, now, flights| conn.send(side, &slices[..used], now, flights));
            self.sent += pushed??;
            self.outbox.left.set(self.out.len() - self.sent);
        }
        Ok(())
    }

    fn on_end<T>(
        &self,
        work: impl FnOnce(&mut Conn, Side, u64, &mut Vec<(u64, Flight)>) -> T,
    ) -> Result<T, Errno> {
        let What::End(id, side) = self.socket.what else {
            return Err(Errno::NOTCONN);
        };
        at_end(self.socket.world, id, |conn, now, flights| {
            work(conn, side, now, flights)
        })
        .ok_or(Errno::BADF)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // A core that ends submits what it was handed, and waits for nothing.
        if self.outbox.is_busy() {
            let _ = self.push();
        }
    }
}
