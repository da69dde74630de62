//! What can be seen from outside: response headers, the access log, the admin listener; and name resolution.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::values::words::words;

/// Response headers that show how a request was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// `X-Backend-Server`: the label of the server that answered.
    pub backend_server: bool,
    /// `X-Request-ID`: the request's id, as in the log.
    pub request_id: bool,
    /// `Server-Timing`: how long the stations took.
    pub server_timing: bool,
}

/// The access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// The form of a line, or off.
    pub format: LogFormat,
    /// Where lines go.
    pub to: LogTarget,
    /// Records that each worker may have waiting for the writer; past it they are dropped and counted.
    pub queue: usize,
}

/// The form of an access-log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Nothing is logged.
    Off,
    /// One JSON object a line.
    Json,
    /// The combined format of Apache and nginx.
    Combined,
}

words!(LogFormat, "log format", {
    Json => "json",
    Combined => "combined",
    Off => "off",
});

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// Appended to a file, reopened on SIGUSR1.
    File(PathBuf),
    /// Datagrams to a syslog socket (`syslog:/dev/log`), RFC 3164 framing.
    SyslogUnix(PathBuf),
    /// Datagrams to a syslog server (`syslog:10.0.0.5:514`), over UDP.
    SyslogUdp(SocketAddr),
}

/// The admin listener and the control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where health and metrics are served; `None` = nowhere.
    pub listen: Option<SocketAddr>,
    /// The Unix socket through which `ringfence reload` and `stop` speak to a running process; `None` = none.
    pub control: Option<PathBuf>,
}

/// How server names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    /// DNS servers; empty = those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// A shorter TTL counts as this. Also how soon a failed look-up is tried again.
    pub min_ttl: Duration,
    /// A longer TTL counts as this. Also the period where the TTL is not known.
    pub max_ttl: Duration,
    /// How long one look-up may take.
    pub timeout: Duration,
}
