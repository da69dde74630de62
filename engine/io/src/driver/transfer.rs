//! The transfers: calls on a socket that never wait.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags, acceptfrom_with, sockopt,
};
use rustix::pipe::{SpliceFlags, splice};

use super::pipe::Pipe;
use super::sim;
use super::socket::{Kind, Socket};
use super::source::Source;
use crate::outq::outq;
use crate::peer::{Peer, plain};

/// How bytes go through a pipe: never waiting, and their pages as they are where that can be.
const MOVED: SpliceFlags = SpliceFlags::NONBLOCK.union(SpliceFlags::MOVE);

/// What a transfer is done on.
enum Hand<'s> {
    Kernel(BorrowedFd<'s>),
    Simulated(&'s sim::Source),
}

impl Source {
    /// The descriptor, where it is the kernel's.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self.hand() {
            Hand::Kernel(fd) => Some(fd),
            Hand::Simulated(_) => None,
        }
    }

    fn hand(&self) -> Hand<'_> {
        match self {
            Self::Monoio(source) => Hand::Kernel(source.as_fd()),
            Self::Native(source) => Hand::Kernel(source.as_fd()),
            Self::Simulated(source) => Hand::Simulated(source),
        }
    }

    /// Receives into `room`: a count, 0 at the end of what the peer sends.
    pub(crate) fn recv(&self, room: &mut [u8]) -> Result<usize, Errno> {
        match self.hand() {
            Hand::Kernel(fd) => rustix::net::recv(fd, room, RecvFlags::DONTWAIT).map(|(n, _)| n),
            Hand::Simulated(source) => source.recv(room),
        }
    }

    /// Looks whether anything is there to be received: a count, 0 at the end.
    pub(crate) fn peek(&self) -> Result<usize, Errno> {
        match self.hand() {
            Hand::Kernel(fd) => {
                let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
                rustix::net::recv(fd, &mut [0u8; 1], flags).map(|(n, _)| n)
            }
            Hand::Simulated(source) => source.peek(),
        }
    }

    /// Sends as much of `parts` as there is room for.
    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match (self.hand(), parts) {
            // The plain call costs the kernel less.
            (Hand::Kernel(fd), [only]) => rustix::net::send(fd, only, flags),
            (Hand::Kernel(fd), several) => {
                rustix::net::sendmsg(fd, several, &mut SendAncillaryBuffer::default(), flags)
            }
            (Hand::Simulated(source), parts) => source.send(parts),
        }
    }

    /// Whether [`Self::send_more`] and [`Self::send_file`] are to be had.
    pub(crate) fn sends_files(&self) -> bool {
        self.descriptor().is_some()
    }

    /// As [`Self::send`], for bytes behind which others follow at once.
    pub(crate) fn send_more(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT | SendFlags::MORE;
        match self.hand() {
            Hand::Kernel(fd) => rustix::net::send(fd, bytes, flags),
            Hand::Simulated(_) => unreachable!("it sends no files"),
        }
    }

    /// Sends as many of `most` bytes of a file as there is room for, without a copy of them.
    pub(crate) fn send_file(
        &self,
        file: BorrowedFd<'_>,
        offset: u64,
        most: usize,
    ) -> Result<usize, Errno> {
        let mut offset = offset;
        match self.hand() {
            Hand::Kernel(fd) => sendfile(fd, file, Some(&mut offset), most),
            Hand::Simulated(_) => unreachable!("it sends no files"),
        }
    }

    /// Moves at most `most` bytes that have come into `pipe`, which holds none: a count, 0 at the end.
    pub(crate) fn recv_into(&self, pipe: &mut Pipe, most: usize) -> Result<usize, Errno> {
        match (self.hand(), pipe) {
            (Hand::Kernel(fd), Pipe::Kernel { entry, .. }) => {
                splice(fd, None, entry, None, most, MOVED)
            }
            (Hand::Simulated(source), Pipe::Simulated(pipe)) => pipe.fill(source, most),
            _ => unreachable!("pipes and sockets of a core are of one kind"),
        }
    }

    /// Moves as many of the `most` bytes that `pipe` holds as there is room for. Where the peer
    /// takes no more the kernel sends a signal too, which Rust's start ignores.
    pub(crate) fn send_from(&self, pipe: &mut Pipe, most: usize) -> Result<usize, Errno> {
        match (self.hand(), pipe) {
            (Hand::Kernel(fd), Pipe::Kernel { exit, .. }) => {
                splice(exit, None, fd, None, most, MOVED)
            }
            (Hand::Simulated(source), Pipe::Simulated(pipe)) => pipe.drain(source),
            _ => unreachable!("pipes and sockets of a core are of one kind"),
        }
    }

    /// Bytes that were sent or handed over and that the peer has not acknowledged; those that nobody
    /// knows of are left out.
    pub(crate) fn unacknowledged(&self) -> usize {
        match self {
            Self::Monoio(source) => outq(source.as_fd()),
            Self::Native(source) => outq(source.as_fd()) + source.departing(),
            Self::Simulated(source) => source.unacknowledged(),
        }
    }

    /// Ends our side. A peer that has gone already is no matter.
    pub(crate) fn shutdown_write(&self) {
        match self.hand() {
            Hand::Kernel(fd) => drop(rustix::net::shutdown(fd, Shutdown::Write)),
            Hand::Simulated(source) => source.shutdown_write(),
        }
    }

    /// Cuts the connection so that the peer notices.
    pub(crate) fn cut(&self) {
        match self.hand() {
            Hand::Kernel(fd) => {
                // Disconnecting a TCP socket that lingers for no time sends a reset without
                // waiting for the last holder to drop it; other sockets refuse it and are shut
                // down instead.
                let _ = sockopt::set_socket_linger(fd, Some(Duration::ZERO));
                if rustix::net::connect_unspec(fd).is_err() {
                    let _ = rustix::net::shutdown(fd, Shutdown::Both);
                }
            }
            Hand::Simulated(source) => source.abort(),
        }
    }

    /// Whether the connection was reset or both sides have ended.
    pub(crate) fn is_hung_up(&self) -> bool {
        let fd = match self.hand() {
            Hand::Kernel(fd) => fd,
            Hand::Simulated(source) => return source.is_hung_up(),
        };
        // Hang-up and errors are told whether asked for or not.
        let mut watched = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match rustix::event::poll(&mut watched, Some(&at_once)) {
            Ok(_) => !watched[0].revents().is_empty(),
            Err(_) => false,
        }
    }

    /// What a connect that is over came to.
    pub(crate) fn connected(&self) -> Result<(), Errno> {
        match self.hand() {
            Hand::Kernel(fd) => sockopt::socket_error(fd)?,
            Hand::Simulated(source) => source.outcome(),
        }
    }

    /// Our own address; nothing over a Unix socket.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        let any = match self.hand() {
            Hand::Kernel(fd) => rustix::net::getsockname(fd).ok()?,
            Hand::Simulated(source) => return source.local().ok(),
        };
        SocketAddr::try_from(any).ok().map(plain)
    }

    /// Takes a connection that waits at a listener.
    pub(crate) fn accept(&self) -> Result<(Socket, Peer), Errno> {
        match self.hand() {
            Hand::Kernel(fd) => {
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                let (socket, peer) = acceptfrom_with(fd, flags)?;
                Ok((socket.into(), Peer::of(peer)))
            }
            Hand::Simulated(source) => {
                let (socket, peer) = source.accept()?;
                Ok((Socket(Kind::Simulated(socket)), Peer::Tcp(peer)))
            }
        }
    }

    /// A core has heard its bell.
    pub(crate) fn hear(&self) {
        match self.hand() {
            Hand::Kernel(fd) => drop(rustix::io::read(fd, &mut [0; 8])),
            Hand::Simulated(source) => source.hear(),
        }
    }
}
