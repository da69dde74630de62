//! What anyone may hold of the simulated network: connections, listeners, and bells.

use std::net::SocketAddr;

use rustix::io::Errno;

use super::conn::Conn;
use super::wire::{Flight, Side};
use super::world::{self, World};

/// A simulated connection or listener; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) world: u64,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
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
pub(super) fn at_end<T>(
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
