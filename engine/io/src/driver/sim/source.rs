//! What a simulated core holds of the simulated network.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use rustix::io::Errno;

use super::conn::Conn;
use super::executor;
use super::wire::{Flight, Side};
use super::world::{self, World};
use crate::driver::incoming::{Incoming, Wish};
use crate::lease::Lease;
use crate::pool;

/// A simulated connection or listener; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Socket {
    world: u64,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    End(usize, Side),
    Door(usize),
    Chime(usize),
}

/// A bell that makes a core look.
#[derive(Debug)]
pub(crate) struct Chime {
    world: u64,
    at: usize,
}

/// A socket that a simulated core waits for.
pub(crate) struct Source {
    socket: Socket,
    /// The core receives ahead, as the native driver does; otherwise it is told of readiness.
    ahead: bool,
    /// Received ahead and given back.
    left: RefCell<Option<Lease>>,
}

/// Begins to connect.
pub(crate) fn connect(to: SocketAddr) -> Option<Socket> {
    make(|world| {
        let id = world.net.connect(to, world.now());
        Ok(What::End(id, Side::Near))
    })?
    .ok()
}

/// Listens in the simulated world, where there is one.
pub(crate) fn listen(
    address: SocketAddr,
    backlog: u32,
    joins: bool,
) -> Option<Result<(Socket, SocketAddr), Errno>> {
    let mut bound = address;
    let made = make(|world| {
        let (door, address) = world.net.listen(address, backlog, joins)?;
        bound = address;
        Ok(What::Door(door))
    })?;
    Some(made.map(|socket| (socket, bound)))
}

/// A bell, and what the core hears it by.
pub(crate) fn hang() -> Option<(Chime, Socket)> {
    let socket = make(|world| Ok(What::Chime(world.net.hang())))?.ok()?;
    let What::Chime(at) = socket.what else {
        return None;
    };
    let world = socket.world;
    Some((Chime { world, at }, socket))
}

fn make(work: impl FnOnce(&mut World) -> Result<What, Errno>) -> Option<Result<Socket, Errno>> {
    world::with(|world| {
        let what = work(world);
        world.post();
        let world = world.number();
        what.map(|what| Socket { world, what })
    })
}

impl Chime {
    /// Makes the core look, a little later.
    pub(crate) fn ring(&self) {
        world::within(self.world, |world| {
            world.net.ring(self.at, world.now());
            world.post();
        });
    }
}

/// Does something with one end of a connection, and sees what it sends off on its way.
fn at_end<T>(
    number: u64,
    id: usize,
    work: impl FnOnce(&mut Conn, u64, &mut Vec<(u64, Flight)>) -> T,
) -> Option<T> {
    world::within(number, |world| {
        let now = world.now();
        let (conn, sent) = world.net.both(id);
        let done = work(conn, now, sent);
        world.post();
        done
    })
}

impl Socket {
    /// Where the other end is.
    pub(crate) fn peer(&self) -> Result<SocketAddr, Errno> {
        match self.what {
            What::End(id, side) => self.of_end(id, |conn| conn.addresses[side.other() as usize]),
            _ => Err(Errno::NOTCONN),
        }
    }

    /// Where this end is.
    pub(crate) fn local(&self) -> Result<SocketAddr, Errno> {
        match self.what {
            What::End(id, side) => self.of_end(id, |conn| conn.addresses[side as usize]),
            What::Door(door) => {
                world::within(self.world, |world| world.net.address(door)).ok_or(Errno::BADF)
            }
            What::Chime(_) => Err(Errno::NOTSOCK),
        }
    }

    fn of_end<T>(&self, id: usize, work: impl FnOnce(&mut Conn) -> T) -> Result<T, Errno> {
        at_end(self.world, id, |conn, _, _| work(conn)).ok_or(Errno::BADF)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        world::within(self.world, |world| {
            let now = world.now();
            match self.what {
                What::End(id, side) => world.net.close_end(id, side, now),
                What::Door(door) => world.net.close_door(door, now),
                What::Chime(_) => {}
            }
            world.post();
        });
    }
}

impl Source {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            ahead: executor::receives_ahead(),
            left: RefCell::new(None),
        }
    }

    /// Gives the socket back.
    ///
    /// # Errors
    /// When bytes have been received ahead.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        if self.is_quiet() == Some(false) && self.peek() != Ok(0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.socket)
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

    /// What has been received ahead, or when the caller is to read for itself.
    pub(crate) fn poll_incoming(&self, cx: &Context<'_>, wish: Wish) -> Poll<io::Result<Incoming>> {
        if let Some(left) = self.left.take() {
            return Poll::Ready(Ok(Incoming::Bytes(left)));
        }
        if !self.ahead {
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
        self.on_end(|conn, side, _, _| conn.unacknowledged(side))
            .unwrap_or(0)
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
