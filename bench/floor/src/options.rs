//! What the relays are told.

use std::net::SocketAddr;

/// What both relays need to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; an IPv4 address.
    pub listen: SocketAddr,
    /// How many threads, each with a ring and a socket of its own.
    pub workers: usize,
    /// The CPUs to which the threads are bound, in turn.
    pub cpus: Vec<usize>,
    /// Bytes of each receive buffer.
    pub buffer: usize,
    /// How exchanges go.
    pub manner: Manner,
}

/// How exchanges go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Short messages: receives go on by themselves.
    Short,
    /// Long messages: a piece is received when the one before it was passed on, so that pieces fill their buffers.
    Long,
    /// Short messages, and the client's connection is closed after each answer.
    Close,
}
