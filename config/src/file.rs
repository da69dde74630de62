//! The file as the user writes it. The comments on the fields are the descriptions in the JSON Schema, so they speak
//! to the user. Everything is optional here; what must be there, and what goes together, is checked afterwards.

pub mod cache;
pub mod client;
pub mod compress;
pub mod observe;
pub mod route;
pub mod shape;
pub mod upstream;
pub mod warm;
pub mod workers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::cache::Cache;
use crate::file::client::{Forwarding, Limits, Listener, Timeouts};
use crate::file::observe::{AccessLog, Admin, Expose, Resolver};
use crate::file::route::{Retry, Route};
use crate::file::shape::Or;
use crate::file::upstream::Upstream;
use crate::file::warm::Warm;
use crate::file::workers::Workers;
use crate::values::off::Off;
use crate::values::scalar::Scalar;

/// The configuration of Ringfence.
///
/// `${NAME}` and `${NAME:-default}` in strings are replaced by environment variables; `$${` is a plain `${`.
/// Durations are written `250ms`, `10s`, `1m30s`; sizes `64KiB`, `10MiB`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Threads, CPUs and rings.
    pub workers: Option<Workers>,
    /// Time limits: of the client's side, and the defaults of the server's side.
    pub timeouts: Option<Timeouts>,
    /// Size and rate limits on what clients send.
    pub limits: Option<Limits>,
    /// What the cache may hold; routes say what is kept in it.
    pub cache: Option<Cache>,
    /// When requests are sent again; upstreams and routes may say otherwise. `false` = never.
    pub retry: Option<Or<Scalar<Off>, Retry>>,
    /// Whom to believe about the client, and what to tell the servers.
    pub forwarding: Option<Forwarding>,
    /// Response headers that show how a request was served.
    pub expose: Option<Expose>,
    /// The access log.
    pub access_log: Option<AccessLog>,
    /// Health, metrics and control.
    pub admin: Option<Admin>,
    /// How server names are resolved.
    pub resolver: Option<Resolver>,
    /// Where clients connect; at least one.
    #[schemars(length(min = 1))]
    pub listener: Option<Vec<Listener>>,
    /// What is done with which requests; at least one. The most specific route wins, whatever the order.
    #[schemars(length(min = 1))]
    pub route: Option<Vec<Route>>,
    /// Named groups of servers.
    pub upstream: Option<BTreeMap<String, Upstream>>,
    /// What is asked for before a client asks, so that it is stored.
    pub warm: Option<Vec<Warm>>,
}
