//! `[upstream.NAME]`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::route::Retry;
use crate::file::shape::{OneOrMany, Or};
use crate::plan::upstream::{Balance, HashKey, SameSite};
use crate::values::amount::{Share, Size};
use crate::values::endpoint::ServerAddress;
use crate::values::off::{Off, OrOff};
use crate::values::scalar::Scalar;
use crate::values::status::StatusSet;
use crate::values::token::{FieldValue, Token};
use crate::values::words::words;

/// A named group of servers.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The servers: `127.0.0.1:3001`, `app.internal:8080`, `unix:/run/app.sock`, or a table for more.
    #[schemars(required)]
    pub servers: Option<OneOrMany<Or<Scalar<ServerAddress>, Server>>>,
    /// How a server is picked. Default `round_robin`.
    pub balance: Option<Scalar<Balance>>,
    /// What `consistent_hash` hashes: `ip`, `header:NAME`, `cookie:NAME` or `path`. Default `ip`.
    pub hash_key: Option<Scalar<HashKey>>,
    /// The `Host` that servers get. Without it, the client's.
    pub host: Option<Scalar<FieldValue>>,
    /// How long a server that has come back takes to reach its full weight. Default `0s`.
    pub slow_start: Option<Scalar<Duration>>,
    /// The largest request body. Default: the global one.
    pub max_body: Option<Scalar<OrOff<Size>>>,
    /// The active check: a table, `tcp`, `http` or `off`. Default `tcp`.
    pub check: Option<Or<Scalar<OrOff<CheckWord>>, Check>>,
    /// When failing requests take a server out; `false` = never.
    pub ejection: Option<Or<Scalar<Off>, Ejection>>,
    /// The sticky cookie: a table, or the cookie's name.
    pub sticky: Option<Or<Scalar<OrOff<Token>>, Sticky>>,
    /// Where requests wait when every server is at its `max_connections`.
    pub queue: Option<Queue>,
    /// Idle connections kept for reuse; `false` = none.
    pub pool: Option<Or<Scalar<Off>, Pool>>,
    /// What keeps retries from doubling an outage.
    pub retry_budget: Option<RetryBudget>,
    /// Time limits of the server's side. Default: the global ones.
    pub timeouts: Option<ServerTimeouts>,
    /// When requests are sent again; `false` = never. Default: the global settings.
    pub retry: Option<Or<Scalar<Off>, Retry>>,
}

/// A server with more than an address.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `127.0.0.1:3001`, `app.internal:8080` or `unix:/run/app.sock`.
    #[schemars(required)]
    pub address: Option<Scalar<ServerAddress>>,
    /// What logs, metrics and `X-Backend-Server` call it. Without it, its address.
    pub label: Option<Scalar<FieldValue>>,
    /// Its share of the requests. Default `1`.
    pub weight: Option<Scalar<u32>>,
    /// Whether it is used only while no other can be. Default `false`.
    pub backup: Option<Scalar<bool>>,
    /// Whether it gets no new requests; those under way finish. Default `false`.
    pub drain: Option<Scalar<bool>>,
    /// Requests that it may have at once. Default `off`.
    pub max_connections: Option<Scalar<OrOff<u32>>>,
}

/// What an active check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckWord {
    /// That the server accepts a connection.
    Tcp,
    /// That it answers a request.
    Http,
}

words!(CheckWord, "kind of check", {
    Tcp => "tcp",
    Http => "http",
});

/// An active check.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// `tcp` (it accepts a connection) or `http` (it answers a request). Without it, `http` if a key of `http` is there.
    #[serde(rename = "type")]
    pub kind: Option<Scalar<CheckWord>>,
    /// The method of `http`. Default `GET`.
    pub method: Option<Scalar<Token>>,
    /// The path of `http`, and a query if need be. Default `/`.
    pub path: Option<Scalar<String>>,
    /// The `Host` of `http`. Without it, the server's address.
    pub host: Option<Scalar<FieldValue>>,
    /// The statuses that pass. Default `200-299`.
    pub expect: Option<OneOrMany<Scalar<StatusSet>>>,
    /// Text that the body must hold.
    pub body: Option<Scalar<String>>,
    /// From one check to the next. Default `2s`.
    pub interval: Option<Scalar<Duration>>,
    /// How long a check may take. Default `1s`.
    pub timeout: Option<Scalar<Duration>>,
    /// Passes in a row that bring a server up. Default `2`.
    pub rise: Option<Scalar<u32>>,
    /// Failures in a row that take a server down. Default `3`.
    pub fall: Option<Scalar<u32>>,
    /// The share of the interval by which a check may be moved either way. Default `0.1`.
    pub jitter: Option<Scalar<Share>>,
}

/// When failing requests take a server out, and for how long.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ejection {
    /// Failures in a row that eject, or `off`. Default `5`.
    pub consecutive_failures: Option<Scalar<OrOff<u32>>>,
    /// The share of failures in the window that ejects, or `off`. Default `0.5`.
    pub failure_rate: Option<Scalar<OrOff<Share>>>,
    /// The time over which the rate is taken. Default `10s`.
    pub window: Option<Scalar<Duration>>,
    /// Requests in the window below which the rate says nothing. Default `20`.
    pub min_requests: Option<Scalar<u32>>,
    /// How long the first ejection lasts; each following one lasts that much longer. Default `10s`.
    pub base_time: Option<Scalar<Duration>>,
    /// The longest an ejection lasts. Default `5m`.
    pub max_time: Option<Scalar<Duration>>,
    /// The share of the servers that may be ejected at once. Default `0.5`.
    pub max_share: Option<Scalar<Share>>,
    /// When a smaller share of the servers is usable, all are used. Default `0.25`.
    pub panic_threshold: Option<Scalar<Share>>,
}

/// The sticky cookie: a client goes back to the server that it had.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    /// The cookie's name. Default `ringfence`.
    pub cookie: Option<Scalar<Token>>,
    /// How long browsers keep it; `off` = until they close. Default `off`.
    pub ttl: Option<Scalar<OrOff<Duration>>>,
    /// Its `Path`. Default `/`.
    pub path: Option<Scalar<String>>,
    /// Its `Domain`. Without it, the exact host.
    pub domain: Option<Scalar<String>>,
    /// Whether it is `Secure`. Default `false`.
    pub secure: Option<Scalar<bool>>,
    /// Whether it is `HttpOnly`. Default `true`.
    pub http_only: Option<Scalar<bool>>,
    /// Its `SameSite`. Default `lax`.
    pub same_site: Option<Scalar<SameSite>>,
    /// The key that makes values opaque; at least 16 characters. Without it, cookies do not outlive the process.
    pub secret: Option<Scalar<String>>,
}

/// Where requests wait when every server is at its `max_connections`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Requests that may wait, in the whole process. Default `1024`.
    pub size: Option<Scalar<u32>>,
    /// How long one waits. Default `5s`.
    pub timeout: Option<Scalar<Duration>>,
}

/// Idle connections kept for reuse.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Idle connections kept to each server, by the whole process. Default `256`.
    pub size: Option<Scalar<u32>>,
    /// How long one may idle. Default `30s`.
    pub idle_timeout: Option<Scalar<Duration>>,
    /// How old one may grow. Default `1h`.
    pub max_age: Option<Scalar<OrOff<Duration>>>,
    /// Requests after which one is closed. Default `off`.
    pub max_requests: Option<Scalar<OrOff<u32>>>,
}

/// What keeps retries from doubling an outage.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBudget {
    /// Retries as a share of recent requests. Default `0.2`.
    pub share: Option<Scalar<Share>>,
    /// Retries a second that are allowed whatever the share. Default `10`.
    pub min_per_second: Option<Scalar<u32>>,
}

/// Time limits of the server's side.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTimeouts {
    /// To connect to a server.
    pub connect: Option<Scalar<Duration>>,
    /// From the request's end to the response's first byte.
    pub first_byte: Option<Scalar<Duration>>,
    /// Between two pieces of a response.
    pub between_bytes: Option<Scalar<Duration>>,
    /// The whole exchange, retries included.
    pub request: Option<Scalar<OrOff<Duration>>>,
}
