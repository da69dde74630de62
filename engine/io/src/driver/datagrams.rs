//! Datagrams over whichever driver runs on this core.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use super::incoming::{Arrival, Datagram};
use super::source::Source;
use crate::lease::Lease;
use crate::peer::plain;
use crate::pool;

impl Source {
    /// A datagram that has been received ahead, or when to read for one.
    pub(crate) fn poll_datagram(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        match self {
            Self::Monoio(source) => source.poll_readable(cx).map_ok(|()| Arrival::Read),
            Self::Native(source) => source.poll_datagram(cx).map_ok(|arrival| match arrival {
                Arrival::Datagram(mut datagram) => {
                    datagram.from = plain(datagram.from);
                    Arrival::Datagram(datagram)
                }
                Arrival::Read => Arrival::Read,
            }),
            Self::Simulated(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Receives a datagram that is there.
    pub(crate) fn recv_datagram(&self) -> Result<Datagram, Errno> {
        let fd = self.datagram_descriptor()?;
        let mut lease = Lease::holding(pool::take_block(pool::SMALL), 0);
        let mut came = Err(Errno::AGAIN);
        lease.fill_with(|room| {
            came = recvfrom(fd, room, RecvFlags::DONTWAIT | RecvFlags::TRUNC)
                .map(|(filled, n, from)| (filled, n > filled, from));
            came.as_ref().map_or(0, |(filled, ..)| *filled)
        });
        let (_, cut, from) = came?;
        let from = from.ok_or(Errno::AFNOSUPPORT)?;
        Ok(Datagram::new(lease, plain(from.try_into()?), cut))
    }

    /// Sends one datagram, if there is room for it.
    pub(crate) fn send_datagram(&self, bytes: &[u8], to: SocketAddr) -> Result<usize, Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendto(self.datagram_descriptor()?, bytes, flags, &to)
    }

    fn datagram_descriptor(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.descriptor().ok_or(Errno::OPNOTSUPP)
    }
}
