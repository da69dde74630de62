//! What a simulated core holds of the simulated network, and waits for.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use rustix::io::Errno;

use super::conn::Conn;
use super::executor;
use super::outbox::{self, Outbox};
use super::socket::{Socket, What, at_end};
use super::wire::{Flight, Side};
use super::world;
use crate::driver::incoming::{Incoming, Wish};
use crate::lease::Lease;
use crate::outgoing::Outgoing;
use crate::pool;

/// A socket that a simulated core waits for.
pub(crate) struct Source {
    socket: Rc<Socket>,
    outbox: Rc<Outbox>,
    /// The core receives ahead and takes sends over, as the native driver does; otherwise it is told of readiness.
    ahead: bool,
    /// Received ahead and given back.
    left: RefCell<Option<Lease>>,
}

impl Source {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket: Rc::new(socket),
            outbox: Rc::default(),
            ahead: executor::receives_ahead(),
            left: RefCell::new(None),
        }
    }

    /// Gives the socket back.
    ///
    /// # Errors
    /// When bytes have been received ahead or are still to be sent.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        if self.is_quiet() == Some(false) && self.peek() != Ok(0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let socket = self.socket.clone();
        drop(self);
        Rc::try_unwrap(socket).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn end(&self) -> Result<(usize, Side), Errno> {
        match self.socket.what {
            What::End(id, side) => Ok((id, side)),
            _ => Err(Errno::NOTCONN),
        }
    }

    fn on_end<T>(
        &self,
        work: impl FnOnce(&mut Conn, Side, u64, &mut Vec<(u64, Flight)>) -> T,
    ) -> Result<T, Errno> {
        let (id, side) = self.end()?;
        at_end(self.socket.world, id, |conn, now, sent| {
            work(conn, side, now, sent)
        })
        .ok_or(Errno::BADF)
    }

    pub(crate) fn poll_readable(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.left.borrow().is_some() {
            return Poll::Ready(Ok(()));
        }
        let number = self.socket.world;
        let polled = match self.socket.what {
            What::End(id, side) => at_end(number, id, |conn, _, _| conn.poll_readable(side, cx)),
            What::Door(door) => world::within(number, |world| world.net.poll_accept(door, cx)),
            What::Chime(at) => world::within(number, |world| world.net.poll_rung(at, cx)),
        };
        match polled {
            Some(polled) => polled.map(Ok),
            None => Poll::Ready(Err(Errno::BADF.into())),
        }
    }

    pub(crate) fn poll_writable(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        match self.on_end(|conn, side, _, _| conn.poll_writable(side, cx)) {
            Ok(polled) => polled.map(Ok),
            Err(errno) => Poll::Ready(Err(errno.into())),
        }
    }

    pub(crate) fn takes_over(&self) -> bool {
        self.ahead
    }

    /// Takes a send over.
    pub(crate) fn hand_over(&self, out: Outgoing) {
        outbox::send(self.socket.clone(), self.outbox.clone(), out);
    }

    /// Ready when nothing that was handed over is under way.
    pub(crate) fn poll_flushed(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.poll_flushed(cx).map_err(io::Error::from)
    }

    pub(crate) fn was_reset(&self) -> bool {
        self.outbox.failed() == Some(Errno::CONNRESET)
    }

    /// What has been received ahead, or when the caller is to read for itself.
    pub(crate) fn poll_incoming(&self, cx: &Context<'_>, wish: Wish) -> Poll<io::Result<Incoming>> {
        if let Some(left) = self.left.take() {
            return Poll::Ready(Ok(Incoming::Bytes(left)));
        }
        if !self.ahead || wish.is_bulk() && self.found_bulk() {
            return match wish.eager {
                true => Poll::Ready(Ok(Incoming::Read)),
                false => self.poll_readable(cx).map_ok(|()| Incoming::Read),
            };
        }
        loop {
            match self.receive() {
                Ok(lease) if lease.is_empty() => return Poll::Ready(Ok(Incoming::End)),
                Ok(lease) => return Poll::Ready(Ok(Incoming::Bytes(lease))),
                Err(Errno::AGAIN) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
            if self.poll_readable(cx)?.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Whether so much comes that a receive is to read for itself.
    fn found_bulk(&self) -> bool {
        self.on_end(|conn, _, _, _| conn.dice.chance(500)) == Ok(true)
    }

    fn receive(&self) -> Result<Lease, Errno> {
        if self.peek()? == 0 {
            return Ok(Lease::empty());
        }
        let mut lease = Lease::holding(pool::take_block(pool::SMALL), 0);
        let mut result = Ok(0);
        lease.fill_with(|room| {
            result = self.recv(room);
            result.unwrap_or(0)
        });
        result.map(|_| lease)
    }

    pub(crate) fn put_back(&self, lease: Lease) {
        self.left.replace(Some(lease));
    }

    /// Whether nothing has come, where the core receives ahead.
    pub(crate) fn is_quiet(&self) -> Option<bool> {
        let readable = self.left.borrow().is_some()
            || self.outbox.failed().is_some()
            || self.on_end(|conn, side, _, _| conn.is_readable(side)) == Ok(true);
        self.ahead.then_some(!readable)
    }

    pub(crate) fn hear(&self) {
        if let What::Chime(at) = self.socket.what {
            world::within(self.socket.world, |world| world.net.hear(at));
        }
    }

    pub(crate) fn recv(&self, into: &mut [u8]) -> Result<usize, Errno> {
        self.on_end(|conn, side, now, sent| conn.recv(side, into, now, sent))?
    }

    pub(crate) fn peek(&self) -> Result<usize, Errno> {
        self.on_end(|conn, side, _, _| conn.peek(side))?
    }

    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        self.on_end(|conn, side, now, sent| conn.send(side, parts, now, sent))?
    }

    pub(crate) fn shutdown_write(&self) {
        let _ = self.on_end(|conn, side, now, sent| conn.shutdown_write(side, now, sent));
    }

    pub(crate) fn abort(&self) {
        let _ = self.on_end(|conn, side, now, sent| conn.abort(side, now, sent));
    }

    pub(crate) fn is_hung_up(&self) -> bool {
        self.on_end(|conn, side, _, _| conn.is_hung_up(side)) == Ok(true)
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        let sent = self.on_end(|conn, side, _, _| conn.unacknowledged(side));
        sent.unwrap_or(0) + self.outbox.left()
    }

    pub(crate) fn outcome(&self) -> Result<(), Errno> {
        self.on_end(|conn, _, _, _| conn.outcome())?
    }

    pub(crate) fn accept(&self) -> Result<(Socket, SocketAddr), Errno> {
        let What::Door(door) = self.socket.what else {
            return Err(Errno::INVAL);
        };
        let accepted = world::within(self.socket.world, |world| {
            let accepted = world.net.accept(door).map(|id| {
                let conn = world.net.conn(id);
                (id, conn.addresses[0])
            });
            world.post();
            accepted
        });
        let (id, peer) = accepted.ok_or(Errno::BADF)??;
        let socket = Socket {
            world: self.socket.world,
            what: What::End(id, Side::Far),
        };
        Ok((socket, peer))
    }

    pub(crate) fn local(&self) -> Result<SocketAddr, Errno> {
        self.socket.local()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.outbox.abandon();
    }
}
