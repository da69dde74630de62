//! What policies are told of a server.

/// A server that a policy may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Index in the group.
    pub(crate) ix: u32,
    /// Share of the traffic, at least 1; already scaled where a slow start is on.
    pub(crate) weight: u32,
}
