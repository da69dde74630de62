//! Upstreams: named groups of servers, and everything that decides which server gets a request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::values::endpoint::ServerAddress;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::status::StatusSet;
use crate::values::token::{Token, field_name};
use crate::values::words::{unknown, words};
use crate::values::wrong::Wrong;

/// The place of an upstream in [`crate::Plan::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub u32);

impl UpstreamId {
    /// The index to use on `Plan::upstreams`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named group of servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// The name that routes use; unique.
    pub name: String,
    /// The servers, in file order; at least one that is not a backup, no address twice.
    pub servers: Vec<Server>,
    /// How a server is picked.
    pub balance: Balance,
    /// What [`Balance::ConsistentHash`] hashes. Others ignore it, and the file may not name it for them.
    pub hash_key: HashKey,
    /// The active check; `None` = servers count as up until requests fail.
    pub check: Option<Check>,
    /// When failing requests take a server out.
    pub ejection: Ejection,
    /// The sticky cookie; `None` = no stickiness.
    pub sticky: Option<Sticky>,
    /// Where requests wait when every server is at its `max_connections`.
    pub queue: Queue,
    /// How long a server that has come back takes to reach its full weight; zero = at once.
    pub slow_start: Duration,
    /// Idle connections kept for reuse.
    pub pool: Pool,
    /// What keeps retries from doubling an outage.
    pub retry_budget: RetryBudget,
    /// The `Host` that servers get; `None` = the client's.
    pub host: Option<String>,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: ServerAddress,
    /// What `X-Backend-Server`, logs and metrics call it; `None` = its address.
    pub label: Option<String>,
    /// Its share of the requests, against the other servers' weights; at least 1.
    pub weight: u32,
    /// Whether it is used only while no other server can be.
    pub backup: bool,
    /// Whether it gets no requests but those of clients that a sticky cookie binds to it.
    pub drain: bool,
    /// Requests that it may have at once, from the whole process; `None` = no limit.
    pub max_connections: Option<u32>,
}

/// How a server is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Balance {
    /// In turn, smoothly by weight.
    RoundRobin,
    /// At random, by weight.
    Weighted,
    /// The fewest requests in flight, by weight.
    LeastConn,
    /// By a hash of the client's address.
    IpHash,
    /// By Maglev hashing of [`Upstream::hash_key`]: few keys move when servers come and go.
    ConsistentHash,
    /// The better of two at random, by peak latency and requests in flight.
    P2c,
    /// At random, all alike.
    Random,
}

words!(Balance, "balancer", {
    RoundRobin => "round_robin",
    Weighted => "weighted",
    LeastConn => "least_conn",
    IpHash => "ip_hash",
    ConsistentHash => "consistent_hash",
    P2c => "p2c",
    Random => "random",
});

/// What consistent hashing hashes. A request without it falls back to the client's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    Ip,
    /// The first value of this header field; lower case.
    Header(String),
    /// The value of this cookie; case-sensitive.
    Cookie(String),
    /// The request's normalised path, without the query.
    Path,
}

/// An active check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is asked of the server.
    pub kind: CheckKind,
    /// From one check's start to the next's.
    pub interval: Duration,
    /// How long a check may take; at most the interval.
    pub timeout: Duration,
    /// Passes in a row that bring a server up.
    pub rise: u32,
    /// Failures in a row that take a server down.
    pub fall: u32,
    /// The share of the interval by which a check may be moved either way, so that checks do not march in step; 0 to 1.
    pub jitter: f64,
}

/// What an active check asks of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// That it accepts a connection.
    Tcp,
    /// That it answers a request.
    Http {
        /// The method; a token, `GET` by default.
        method: String,
        /// The path, with a query if there is one.
        path: String,
        /// The `Host`; `None` = the server's address.
        host: Option<String>,
        /// The statuses that pass.
        expect: StatusSet,
        /// Text that the first [`crate::limits::CHECK_BODY`] bytes of the body must hold; `None` = not looked at.
        body: Option<String>,
    },
}

/// When failing requests take a server out, and for how long (passive checks).
#[derive(Debug, Clone, PartialEq)]
pub struct Ejection {
    /// Failures in a row that eject; `None` = this does not.
    pub consecutive_failures: Option<u32>,
    /// The share of failures in the window that ejects, above 0, at most 1; `None` = this does not.
    pub failure_rate: Option<f64>,
    /// The time over which the rate is taken.
    pub window: Duration,
    /// Requests in the window below which the rate says nothing.
    pub min_requests: u32,
    /// How long the first ejection lasts; each following one lasts that much longer.
    pub base_time: Duration,
    /// The longest an ejection lasts.
    pub max_time: Duration,
    /// The share of the group's servers that may be ejected at once, 0 to 1; one server always may where there are two or more.
    pub max_share: f64,
    /// When the share of servers that are up and not ejected falls below this, all are used; 0 to 1.
    pub panic_threshold: f64,
}

/// The sticky cookie: a client goes back to the server that it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    /// The cookie's name.
    pub cookie: String,
    /// Its `Max-Age`; `None` = a session cookie.
    pub ttl: Option<Duration>,
    /// Its `Path`.
    pub path: String,
    /// Its `Domain`; `None` = none, so the cookie stays with the exact host.
    pub domain: Option<String>,
    /// Its `Secure`.
    pub secure: bool,
    /// Its `HttpOnly`.
    pub http_only: bool,
    /// Its `SameSite`.
    pub same_site: SameSite,
    /// The key of the hash that makes values opaque; `None` = one that the process draws at its start, so that
    /// cookies do not outlive it.
    pub secret: Option<Secret>,
}

/// A cookie's `SameSite` (RFC 6265bis 5.4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Only requests from the same site.
    Strict,
    /// Also top-level navigation from other sites.
    Lax,
    /// All requests; browsers then ask for `Secure`.
    None,
}

words!(SameSite, "SameSite word", {
    Strict => "strict",
    Lax => "lax",
    None => "none",
});

/// Text that is not printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where requests wait when every server is at its `max_connections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Requests that may wait in the whole process, split evenly over the workers; one more is 503. 0 = none waits.
    pub size: u32,
    /// How long one waits; past it, 503. Routes carry the resolved value in `RouteTimeouts::queue`.
    pub timeout: Duration,
}

/// Idle connections to servers, kept for reuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Idle connections kept to each server by the whole process, split evenly over the workers. 0 = none is reused.
    pub size: u32,
    /// How long one may idle.
    pub idle_timeout: Duration,
    /// How old one may grow; `None` = no limit.
    pub max_age: Option<Duration>,
    /// Requests after which one is closed; `None` = no limit.
    pub max_requests: Option<u32>,
}

/// What keeps retries from doubling an outage.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryBudget {
    /// Retries allowed as a share of recent requests, 0 to 1.
    pub share: f64,
    /// Retries a second that are allowed whatever the share.
    pub min_per_second: u32,
}

impl FromStr for HashKey {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text.split_once(':') {
            None if text == "ip" => Ok(Self::Ip),
            None if text == "path" => Ok(Self::Path),
            Some(("header", name)) => field_name(name).map(Self::Header),
            Some(("cookie", name)) => Token::from_text(name).map(|name| Self::Cookie(name.0)),
            _ => Err(unknown(
                "hash key",
                text,
                ["ip", "path", "header:NAME", "cookie:NAME"].into_iter(),
            )),
        }
    }
}

impl FromScalar for HashKey {
    const WHAT: &'static str = "a hash key";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(ip|path|(header|cookie):.+|.*\$\{.*)$" })
    }
}

impl ToScalar for HashKey {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Ip => "ip".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Header(name) => format!("header:{name}"),
            Self::Cookie(name) => format!("cookie:{name}"),
        }
        .into()
    }
}
