//! How a stream gets its bytes: from what its driver has received ahead, or by reading for itself.

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
