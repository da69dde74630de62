//! Who is at the other end.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use rustix::net::SocketAddrAny;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP. An IPv4 peer of a dual-stack listener is given as the IPv4 address that it is.
    Tcp(SocketAddr),
    /// Over a Unix stream socket, where peers have no address of use.
    Unix,
}

impl Peer {
    /// The peer's IP address; nothing over a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    pub(crate) fn of(address: Option<SocketAddrAny>) -> Self {
        match address.and_then(|any| SocketAddr::try_from(any).ok()) {
            Some(address) => Self::Tcp(plain(address)),
            None => Self::Unix,
        }
    }
}

/// Turns an IPv4-mapped IPv6 address into the IPv4 address that it stands for.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
