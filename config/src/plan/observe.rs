//! What can be seen from outside: response headers, the access log, the admin listener; and name resolution.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::values::paths::unix_path;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::words::words;
use crate::values::wrong::{Wrong, quoted};

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

impl FromStr for LogTarget {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text == "stdout" {
            return Ok(Self::Stdout);
        }
        if let Some(place) = text.strip_prefix("syslog:") {
            if place.starts_with('/') {
                return unix_path(place).map(Self::SyslogUnix);
            }
            let wrong = || {
                Wrong::new(format!("{} is not a syslog socket", quoted(place)))
                    .help("`syslog:/dev/log` or `syslog:10.0.0.5:514`")
            };
            return place.parse().map(Self::SyslogUdp).map_err(|_| wrong());
        }
        if text.contains('/') {
            return PathBuf::from_text(text).map(Self::File);
        }
        Err(
            Wrong::new(format!("{} is not a place for a log", quoted(text))).help(format!(
                "`stdout`, a file such as \"./{text}\", or `syslog:/dev/log`"
            )),
        )
    }
}

impl FromScalar for LogTarget {
    const WHAT: &'static str = "a place for a log";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["stdout", "/var/log/ringfence.log", "syslog:/dev/log", "syslog:10.0.0.5:514"] })
    }
}

impl ToScalar for LogTarget {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::SyslogUnix(path) => format!("syslog:{}", path.display()),
            Self::SyslogUdp(address) => format!("syslog:{address}"),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_targets_read_back() {
        for text in [
            "stdout",
            "/var/log/a.log",
            "./a.log",
            "syslog:/dev/log",
            "syslog:10.0.0.5:514",
        ] {
            assert_eq!(
                text.parse::<LogTarget>().unwrap().to_scalar(),
                Written::Text(text.to_owned())
            );
        }
        for text in ["", "a.log", "syslog:", "syslog:host:514", "/a\0b"] {
            assert!(text.parse::<LogTarget>().is_err(), "{text}");
        }
    }
}
