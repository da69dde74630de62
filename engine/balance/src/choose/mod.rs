//! The policies: each proposes a server out of the eligible ones, cheaply, and keeps what it needs to do so.

pub(crate) mod draw;
pub(crate) mod latency;
pub(crate) mod least;
pub(crate) mod smooth;

/// A server that a policy may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Index in the group.
    pub(crate) ix: u32,
    /// Share of the traffic; already scaled where a slow start is on.
    pub(crate) weight: u32,
}
