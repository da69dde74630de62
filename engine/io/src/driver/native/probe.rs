//! Whether the kernel gives this thread all that the driver needs: tried, not guessed from its
//! version.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::buffers::Buffers;
use super::ring::{Completion, Ring};
use super::token::{Key, Op};
use crate::driver::ring::explain;
use crate::pool;

/// Turns in which an answer must have come.
const TURNS: usize = 8;

const KEY: Key = Key {
    index: 1,
    generation: 1,
};

/// Receives a byte by a multishot receive into a provided buffer, and cancels that.
///
/// # Errors
/// The reason why not, in words for the operator.
pub(crate) fn probe() -> Result<(), String> {
    try_all().map_err(|error| format!("no native driver: {}", explain(&error)))
}

fn try_all() -> io::Result<()> {
    let mut ring = Ring::new(8, 16)?;
    let mut buffers = Buffers::new(&ring, 4)?;
    buffers.refill(4);
    let tried = try_out(&mut ring, &mut buffers);
    buffers.retire(&ring);
    tried
}

fn try_out(ring: &mut Ring, buffers: &mut Buffers) -> io::Result<()> {
    let (ours, theirs) = pair()?;
    ring.receive(ours.as_raw_fd(), KEY);
    ring.turn(false)?;
    rustix::io::write(&theirs, b"x")?;
    let got = next(ring)?;
    if let Some(number) = got.buffer {
        pool::give_block(buffers.take(number));
    }
    if got.result < 0 {
        return Err(io::Error::from_raw_os_error(-got.result));
    }
    if got.result != 1 || got.buffer.is_none() || !got.more {
        return Err(lacks("receives that go on by themselves"));
    }
    ring.cancel(KEY, Op::Receive);
    while next(ring)?.more {}
    Ok(())
}

/// The next completion of the receive.
fn next(ring: &mut Ring) -> io::Result<Completion> {
    let mut taken = Vec::new();
    for _ in 0..TURNS {
        ring.turn(true)?;
        ring.take(usize::MAX, &mut taken);
        if let Some(at) = taken.iter().position(|done| done.op == Op::Receive) {
            return Ok(taken.swap_remove(at));
        }
    }
    Err(lacks("completions in time"))
}

fn lacks(what: &str) -> io::Error {
    io::Error::new(Errno::OPNOTSUPP.kind(), format!("the kernel lacks {what}"))
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}
