//! `[expose]`, `[access_log]`, `[admin]` and `[resolver]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::shape::OneOrMany;
use crate::plan::observe::{LogFormat, LogTarget};
use crate::values::address::DnsServer;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;

/// Response headers that show how a request was served.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expose {
    /// `X-Backend-Server`: the label of the server that answered. Default `false`.
    pub backend_server: Option<Scalar<bool>>,
    /// `X-Request-ID`. Default `true`.
    pub request_id: Option<Scalar<bool>>,
    /// `Server-Timing`: how long the stations took. Default `false`.
    pub server_timing: Option<Scalar<bool>>,
}

/// The access log.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// The form of a line. Default `off`.
    pub format: Option<Scalar<LogFormat>>,
    /// `stdout`, a file's path, `syslog:/dev/log` or `syslog:10.0.0.5:514`. Default `stdout`.
    pub to: Option<Scalar<LogTarget>>,
    /// Records that each worker may have waiting; more are dropped and counted. Default `8192`.
    pub queue: Option<Scalar<u32>>,
}

/// Health, metrics and control.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where health and metrics are served, or `off`. Default `127.0.0.1:9901`.
    pub listen: Option<Scalar<OrOff<SocketAddr>>>,
    /// The Unix socket for `ringfence reload` and `ringfence stop`, or `off`. Without it, `ringfence.sock` in
    /// `$XDG_RUNTIME_DIR`, or else in `/run`.
    pub control: Option<Scalar<OrOff<PathBuf>>>,
}

/// How server names are resolved.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolver {
    /// DNS servers; none = those of `/etc/resolv.conf`. Default `[]`.
    pub servers: Option<OneOrMany<Scalar<DnsServer>>>,
    /// A shorter TTL counts as this. Default `5s`.
    pub min_ttl: Option<Scalar<Duration>>,
    /// A longer TTL counts as this. Default `1m`.
    pub max_ttl: Option<Scalar<Duration>>,
    /// How long one look-up may take. Default `5s`.
    pub timeout: Option<Scalar<Duration>>,
}
