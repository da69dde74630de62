//! A socket that no core waits for: just made, just accepted, or on its way between cores.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use super::sim;
use crate::peer::Peer;

/// A socket that no core waits for, such as [`crate::Stream::detach`] gives. Dropping it closes
/// it.
pub struct Socket(pub(super) Kind);

/// Whose socket it is.
pub(super) enum Kind {
    /// The kernel's.
    Kernel(OwnedFd),
    /// The simulated network's.
    Simulated(sim::Socket),
}

impl Socket {
    /// The other end.
    pub(crate) fn peer(&self) -> Result<Peer, Errno> {
        match &self.0 {
            Kind::Kernel(fd) => Ok(Peer::of(rustix::net::getpeername(fd)?)),
            Kind::Simulated(socket) => socket.peer().map(Peer::Tcp),
        }
    }

    /// Makes sure that no call waits.
    pub(crate) fn set_non_blocking(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Kernel(fd) => Ok(rustix::io::ioctl_fionbio(fd, true)?),
            Kind::Simulated(_) => Ok(()),
        }
    }

    /// Its descriptor, where it is the kernel's.
    pub(crate) fn number(&self) -> Option<RawFd> {
        match &self.0 {
            Kind::Kernel(fd) => Some(fd.as_raw_fd()),
            Kind::Simulated(_) => None,
        }
    }

    /// Begins to connect where this core is simulated.
    pub(crate) fn connect_simulated(to: SocketAddr) -> Option<Self> {
        let socket = sim::is_running().then(|| sim::connect(to))??;
        Some(Self(Kind::Simulated(socket)))
    }

    /// Listens where this thread is simulated; gives the address with the port that it got.
    pub(crate) fn listen_simulated(
        address: SocketAddr,
        backlog: u32,
        joins: bool,
    ) -> Option<Result<(Self, SocketAddr), Errno>> {
        let listens = sim::listen(address, backlog, joins)?;
        Some(listens.map(|(socket, bound)| (Self(Kind::Simulated(socket)), bound)))
    }
}

impl<F: Into<OwnedFd>> From<F> for Socket {
    fn from(fd: F) -> Self {
        Self(Kind::Kernel(fd.into()))
    }
}

impl TryFrom<Socket> for OwnedFd {
    type Error = io::Error;

    /// The descriptor; a simulated socket has none.
    fn try_from(socket: Socket) -> io::Result<Self> {
        match socket.0 {
            Kind::Kernel(fd) => Ok(fd),
            Kind::Simulated(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Kernel(fd) => fd.fmt(f),
            Kind::Simulated(socket) => socket.fmt(f),
        }
    }
}
