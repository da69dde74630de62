//! Where a server is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{Schema, json_schema};

use crate::values::host::{check_host_name, port};
use crate::values::paths::unix_path;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A place that a socket can connect to without asking anyone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// An address and port, over TCP.
    Tcp(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    /// `127.0.0.1:3001`, `[::1]:3001` or `unix:/run/app.sock`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A server's address as the file gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerAddress {
    /// Known as it stands.
    Fixed(Endpoint),
    /// A name to be resolved while running; every address that it has becomes a server.
    Name {
        /// The host name, lower case, without a port.
        host: String,
        /// The TCP port.
        port: u16,
    },
}

impl fmt::Display for ServerAddress {
    /// As [`Endpoint`], or `app.internal:8080`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(endpoint) => endpoint.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_path(path).map(|path| Self::Fixed(Endpoint::Unix(path)));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(
                Wrong::new(format!("the server address {} has a scheme", quoted(text))).help(
                    format!(
                        "leave out `{scheme}://`: \"{}\"",
                        rest.trim_end_matches('/')
                    ),
                ),
            );
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            port(text, Some(&address.port().to_string()))?;
            return Ok(Self::Fixed(Endpoint::Tcp(address)));
        }
        let (host, after) = match text.rsplit_once(':') {
            Some((host, after)) if !host.contains(':') => (host, Some(after)),
            Some(_) => {
                return Err(
                    Wrong::new(format!("{} is not a server address", quoted(text)))
                        .help("IPv6 addresses go in brackets: \"[::1]:3001\""),
                );
            }
            None => (text, None),
        };
        check_host_name(host)?;
        Ok(Self::Name {
            host: host.to_ascii_lowercase(),
            port: port(text, after)?,
        })
    }
}

impl FromScalar for ServerAddress {
    const WHAT: &'static str = "a server address such as \"127.0.0.1:3001\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string", "minLength": 1,
            "examples": ["127.0.0.1:3001", "[::1]:3001", "app.internal:8080", "unix:/run/app.sock"],
        })
    }
}

impl ToScalar for ServerAddress {
    fn to_scalar(&self) -> Written {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for text in [
            "127.0.0.1:3001",
            "[::1]:3001",
            "unix:/run/app.sock",
            "app.internal:8080",
            "localhost:80",
            "a_b:1",
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
        assert_eq!(
            "App.Internal:80"
                .parse::<ServerAddress>()
                .unwrap()
                .to_string(),
            "app.internal:80"
        );
    }

    #[test]
    fn says_what_to_write_instead() {
        for (text, help) in [
            ("127.0.0.1", "\"127.0.0.1:80\""),
            ("http://a:80/", "leave out `http://`: \"a:80\""),
            ("::1:80", "IPv6 addresses go in brackets: \"[::1]:3001\""),
            ("a:99999", "ports go from 1 to 65535"),
            ("127.0.0.1:0", "ports go from 1 to 65535"),
            ("unix:", "for example \"unix:/run/app.sock\""),
        ] {
            assert_eq!(
                text.parse::<ServerAddress>().unwrap_err().help.as_deref(),
                Some(help),
                "{text}"
            );
        }
        for text in [
            "",
            ":80",
            "a b:80",
            "256.1.1.1:80",
            "-a:80",
            "a..b:80",
            "[::1]",
            "[::1:80",
            "é:80",
            "unix:\0",
        ] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }
}
