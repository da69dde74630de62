//! Datagrams over UDP: receive what the driver has received ahead, else wait and read; send without
//! waiting where there is room.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::SocketType;

use crate::budget;
use crate::driver::{self, Arrival, Datagram, Source};
use crate::listen::{explain, new_socket};

/// A UDP socket of this core. Dropping it closes it.
///
/// One receive and one send may be under way at once.
pub struct Datagrams {
    source: Source,
    address: SocketAddr,
}

impl Datagrams {
    /// Binds to an address. Port 0 takes any free port (see [`Datagrams::local_addr`]); `[::]` takes
    /// IPv4 too.
    ///
    /// # Errors
    /// As [`crate::ListenSocket::bind`], and [`io::ErrorKind::Unsupported`] in a simulated world,
    /// which has no datagrams.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        if driver::is_simulated() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let bind = || {
            let socket = new_socket(address, SocketType::DGRAM)?;
            rustix::net::bind(&socket, &address)?;
            let bound = rustix::net::getsockname(&socket)?.try_into()?;
            Ok((socket, bound))
        };
        let (socket, bound) = bind().map_err(|errno: Errno| explain(errno, address))?;
        Ok(Self {
            source: Source::new(socket.into())?,
            address: bound,
        })
    }

    /// The address it is bound to, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a datagram. Dropping the future loses none. It has no time limit of its own (see
    /// [`crate::timeout_at`]).
    ///
    /// # Errors
    /// What the socket says; the next call goes on.
    pub async fn recv_from(&self) -> io::Result<Datagram> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Sends one datagram, waiting while the socket has no room for it. A future that is dropped has
    /// sent all of it or none. That it was sent does not say that it arrives.
    ///
    /// # Errors
    /// What the socket says: no way to that address, or more bytes than a datagram holds.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let to = self.as_seen_from_here(to);
        poll_fn(|cx| self.poll_send(cx, bytes, to)).await
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<io::Result<Datagram>> {
        ready!(budget::poll_left(cx));
        loop {
            let came = match ready!(self.source.poll_datagram(cx))? {
                Arrival::Datagram(datagram) => Ok(datagram),
                Arrival::Read => self.source.recv_datagram(),
            };
            match came {
                Ok(datagram) => {
                    budget::spend(datagram.bytes.len());
                    return Poll::Ready(Ok(datagram));
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<()>> {
        ready!(budget::poll_left(cx));
        loop {
            match self.source.send_datagram(bytes, to) {
                Ok(n) => {
                    debug_assert_eq!(n, bytes.len(), "a datagram is sent whole");
                    budget::spend(n);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::AGAIN) => ready!(self.source.poll_writable(cx))?,
                Err(Errno::INTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }

    /// An IPv6 socket reaches an IPv4 address as the IPv6 one that stands for it.
    fn as_seen_from_here(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(ip) if self.address.is_ipv6() => (ip.to_ipv6_mapped(), to.port()).into(),
            _ => to,
        }
    }
}
