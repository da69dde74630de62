//! How a stream gets its bytes, and a listener its connections: from what the driver has taken
//! ahead, or by asking the kernel for itself.

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
