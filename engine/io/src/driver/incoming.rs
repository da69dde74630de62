//! How a stream gets its bytes, a listener its connections and a datagram socket its datagrams:
//! from what the driver has taken ahead, or by asking the kernel for itself.

use std::net::SocketAddr;

use rustix::io::Errno;

use super::socket::Socket;
use crate::lease::Lease;
use crate::pool;

/// What there is for a stream that wants to receive.
pub(crate) enum Incoming {
    /// Bytes that the driver has received.
    Bytes(Lease),
    /// The end of what the peer sends.
    End,
    /// A read is worth trying.
    Read,
}

/// What there is for a listener.
pub(crate) enum Ahead {
    /// A connection that the driver has accepted.
    Socket(Socket),
    /// The driver has failed to accept.
    Failed(Errno),
    /// Nothing, and the driver will tell when there is.
    Nothing,
    /// An accept is worth trying.
    Unknown,
}

/// A datagram that has come.
#[derive(Debug)]
pub struct Datagram {
    /// What it says, at most [`Datagram::MOST`] bytes.
    pub bytes: Lease,
    /// Who sent it. An IPv4 peer of a dual-stack socket is given as the IPv4 address that it is.
    pub from: SocketAddr,
    /// It said more than that, and the rest is lost.
    pub truncated: bool,
}

impl Datagram {
    /// Bytes of the longest datagram that is received whole. One that crosses a network in one
    /// packet is never longer than a tenth of this.
    pub const MOST: usize = 16_000;

    /// One whose bytes are the start of what has come.
    pub(crate) fn new(mut bytes: Lease, from: SocketAddr, cut: bool) -> Self {
        let truncated = cut || bytes.len() > Self::MOST;
        bytes.truncate(Self::MOST);
        Self {
            bytes,
            from,
            truncated,
        }
    }
}

/// What there is for a socket that wants to receive a datagram.
pub(crate) enum Arrival {
    /// One that the driver has received.
    Datagram(Datagram),
    /// A read is worth trying.
    Read,
}

/// What a stream that wants to receive expects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// Bytes may be there already: try before waiting.
    pub(crate) eager: bool,
    /// Bytes that it has room for.
    pub(crate) most: usize,
}

impl Wish {
    /// Whether larger buffers than the common ones are worth their while.
    pub(crate) fn is_bulk(self) -> bool {
        self.most > pool::SMALL
    }
}
