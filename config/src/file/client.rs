//! `[[listener]]`, `[timeouts]`, `[limits]` and `[forwarding]`.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::shape::OneOrMany;
use crate::values::amount::Size;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::token::Token;

/// A place where clients connect.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// An IP address and a port.
    #[schemars(required)]
    pub address: Option<Scalar<SocketAddr>>,
}

/// Time limits: of the client's side, and the defaults of the server's side.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// To receive a whole request head. Default `10s`.
    pub head: Option<Scalar<Duration>>,
    /// How long a connection may idle between requests. Default `1m`.
    pub keep_alive: Option<Scalar<Duration>>,
    /// Between two pieces of a request body. Default `30s`.
    pub body: Option<Scalar<Duration>>,
    /// How long a client may take nothing of a response. Default `30s`.
    pub send: Option<Scalar<Duration>>,
    /// How long requests in flight may go on after a stop. Default `30s`.
    pub drain: Option<Scalar<Duration>>,
    /// To connect to a server. Default `2s`.
    pub connect: Option<Scalar<Duration>>,
    /// From the request's end to the response's first byte. Default `30s`.
    pub first_byte: Option<Scalar<Duration>>,
    /// Between two pieces of a response. Default `30s`.
    pub between_bytes: Option<Scalar<Duration>>,
    /// The whole exchange, retries included. Default `off`.
    pub request: Option<Scalar<OrOff<Duration>>>,
}

/// Size and rate limits on what clients send.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// A request line. Default `8KiB`.
    pub max_line: Option<Scalar<Size>>,
    /// A head, of a request or a response. Default `32KiB`.
    pub max_head: Option<Scalar<Size>>,
    /// Header fields in a head. Default `100`.
    pub max_fields: Option<Scalar<u32>>,
    /// A request body; upstreams and routes may say otherwise. Default `off`.
    pub max_body: Option<Scalar<OrOff<Size>>>,
    /// Bytes a second that a client must send on average, once the grace is over; 0 = any. Default `100B`.
    pub min_receive_rate: Option<Scalar<Size>>,
    /// How long a head or a body may take before the rate counts. Default `5s`.
    pub rate_grace: Option<Scalar<Duration>>,
    /// Receive buffers that the whole process may have in use: past half of it pieces become small, past all of it new
    /// connections are shed. Encoders of responses that are compressed on their way may have a quarter as much beside it:
    /// past that responses go out as they are. Default `1GiB`.
    pub max_buffers: Option<Scalar<Size>>,
    /// Whether `//` in a path counts as `/`. Default `true`.
    pub merge_slashes: Option<Scalar<bool>>,
}

/// Whom to believe about the client, and what to tell the servers.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forwarding {
    /// Networks of proxies whose word about the client is believed. Default `[]`.
    pub trusted: Option<OneOrMany<Scalar<IpNet>>>,
    /// Whether servers get `Forwarded` (RFC 7239). Default `false`.
    pub forwarded: Option<Scalar<bool>>,
    /// Whether servers get `X-Forwarded-For`, `-Proto`, `-Host` and `X-Real-IP`. Default `true`.
    pub x_forwarded: Option<Scalar<bool>>,
    /// Whether servers get `X-Request-ID`. Default `true`.
    pub request_id: Option<Scalar<bool>>,
    /// The name in `Via`, or `off`. Default `ringfence`.
    pub via: Option<Scalar<OrOff<Token>>>,
}
