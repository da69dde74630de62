//! The client's side: listeners, time limits, size limits, and what is believed and told about the client.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

/// A place where clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The TCP address; port 0 lets the kernel choose.
    pub address: SocketAddr,
}

/// Time limits on the client's side of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// From a request's first byte (or the connection's start) to its whole head; past it, 408.
    pub head: Duration,
    /// How long a connection may idle between requests before it is closed.
    pub keep_alive: Duration,
    /// Between two pieces of a request body; past it, 408.
    pub body: Duration,
    /// How long the client may take none of the response that waits for it; past it, the connection is closed.
    pub send: Duration,
    /// How long requests in flight may go on once a drain has begun (stop, or a listener removed by a reload).
    pub drain: Duration,
}

/// Size and rate limits on what clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request line; past it, 414.
    pub max_line: usize,
    /// Bytes of a whole head, request line included; past it, 431. It bounds server responses' heads too (502).
    pub max_head: usize,
    /// Header fields in a head; past it, 431.
    pub max_fields: usize,
    /// Bytes a second that a client must send on average while it sends a head or a body, once [`Self::rate_grace`]
    /// is over; slower is 408. 0 = no minimum.
    pub min_receive_rate: u64,
    /// How long a head or a body may take before [`Self::min_receive_rate`] is held against it.
    pub rate_grace: Duration,
    /// Bytes of receive buffers that the whole process may have in use, split evenly over the workers. Past half of its
    /// share a worker receives in small pieces; past all of it, it sheds new connections.
    pub max_buffers: u64,
    /// Whether `//` in a request path counts as `/`, both for routing and in what is forwarded.
    pub merge_slashes: bool,
}

/// Whom to believe about the client, and what to tell the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Peers whose `Forwarded`, `X-Forwarded-*`, `X-Real-IP` and `X-Request-ID` are believed; others' are replaced.
    pub trusted: Vec<IpNet>,
    /// Whether servers get `Forwarded` (RFC 7239).
    pub forwarded: bool,
    /// Whether servers get `X-Forwarded-For`, `-Proto`, `-Host` and `X-Real-IP`.
    pub x_forwarded: bool,
    /// Whether servers get `X-Request-ID`.
    pub request_id: bool,
    /// The name under which requests and responses get a `Via` entry (RFC 9110 7.6.3); `None` = no entry.
    pub via: Option<String>,
}

impl Forwarding {
    /// Whether a peer's word about the client is believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }
}
