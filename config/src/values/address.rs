//! Addresses to listen on, networks, host names, paths, and `off`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written, expected};
use crate::values::wrong::{Wrong, quoted};

/// A value, or the word `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrOff<T> {
    /// The word `off`.
    Off,
    /// A value.
    On(T),
}

/// The word `off` alone, or `false`: the short way to switch a section off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off;

/// A DNS server: an address, and a port where it is not 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsServer(pub SocketAddr);

impl<T> OrOff<T> {
    /// The value, if it is not `off`.
    #[must_use]
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for OrOff<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Off, Self::On)
    }
}

impl<T: FromScalar> FromStr for OrOff<T> {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        Self::from_text(text)
    }
}

impl<T: FromScalar> FromScalar for OrOff<T> {
    const WHAT: &'static str = T::WHAT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "off" => Ok(Self::Off),
            _ => T::from_text(text).map(Self::On),
        }
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        T::from_integer(number).map(Self::On)
    }

    fn from_float(number: f64) -> Result<Self, Wrong> {
        T::from_float(number).map(Self::On)
    }

    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        if flag {
            T::from_bool(flag).map(Self::On)
        } else {
            Ok(Self::Off)
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [T::schema(), { "enum": ["off", false] }] })
    }
}

impl<T: ToScalar> ToScalar for OrOff<T> {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Off => "off".to_owned().into(),
            Self::On(value) => value.to_scalar(),
        }
    }
}

impl FromScalar for Off {
    const WHAT: &'static str = "a table or `false`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "off" {
            Ok(Self)
        } else {
            Err(expected(Self::WHAT, &quoted(text)))
        }
    }

    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        if flag {
            Err(expected(Self::WHAT, "`true`"))
        } else {
            Ok(Self)
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["off", false] })
    }
}

impl ToScalar for Off {
    fn to_scalar(&self) -> Written {
        Written::Bool(false)
    }
}

impl FromScalar for DnsServer {
    const WHAT: &'static str = "a DNS server such as \"10.0.0.2\" or \"10.0.0.2:53\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(SocketAddr::new(ip, limits::DNS_PORT)));
        }
        text.parse().map(Self).map_err(|_| {
            Wrong::new(format!(
                "{} is not the address of a DNS server",
                quoted(text)
            ))
            .help("for example \"10.0.0.2\" or \"10.0.0.2:53\"")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["10.0.0.2", "[fd00::2]:53"] })
    }
}

impl ToScalar for DnsServer {
    fn to_scalar(&self) -> Written {
        self.0.to_string().into()
    }
}

/// Reads a port from what stands behind the last colon of `address`.
///
/// # Errors
/// If there is none, or it is not between 1 and 65535.
pub fn port(address: &str, port: Option<&str>) -> Result<u16, Wrong> {
    let Some(port) = port else {
        return Err(
            Wrong::new(format!("the address {} lacks a port", quoted(address)))
                .help(format!("\"{address}:80\"")),
        );
    };
    match port.parse() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => {
            Err(Wrong::new(format!("{} is not a port", quoted(port)))
                .help("ports go from 1 to 65535"))
        }
    }
}

/// Whether a host name is one that a resolver may be asked for (RFC 1123 2.1, and underscores).
///
/// # Errors
/// If it is not.
pub fn check_host_name(host: &str) -> Result<(), Wrong> {
    const LONGEST_NAME: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let wrong = || Wrong::new(format!("{} is not a host name or address", quoted(host)));
    if !host.is_ascii() {
        return Err(
            wrong().help("write international names in their ASCII form, which begins with `xn--`")
        );
    }
    let numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if host.len() > LONGEST_NAME || !host.split('.').all(label_is_fine) {
        return Err(wrong());
    }
    if numeric && host.parse::<IpAddr>().is_err() {
        return Err(wrong().help("an IPv4 address is four numbers from 0 to 255"));
    }
    Ok(())
}

impl FromScalar for SocketAddr {
    const WHAT: &'static str = "an address such as \"127.0.0.1:8080\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        let wrong = Wrong::new(format!("{} is not an address to listen on", quoted(text)));
        if let Some(port) = text
            .strip_prefix(':')
            .filter(|port| port.parse::<u16>().is_ok())
        {
            return Err(wrong.help(format!(
                "\"0.0.0.0:{port}\" for every IPv4 address, \"[::]:{port}\" for IPv6 as well"
            )));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Err(wrong.help(format!(
                "it lacks a port: \"{}\"",
                SocketAddr::new(ip, 8080)
            )));
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            return Err(wrong.help(format!(
                "names are not looked up here: \"127.0.0.1:{port}\""
            )));
        }
        Err(wrong.help("an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\""))
    }

    fn from_integer(port: i64) -> Result<Self, Wrong> {
        Err(Wrong::new(format!("{port} is not an address to listen on"))
            .help(format!("\"127.0.0.1:{port}\" or \"0.0.0.0:{port}\"")))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["127.0.0.1:8080", "[::]:80"] })
    }
}

impl ToScalar for SocketAddr {
    fn to_scalar(&self) -> Written {
        self.to_string().into()
    }
}

impl FromScalar for IpNet {
    const WHAT: &'static str = "a network such as \"10.0.0.0/8\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(format!("{} is not a network", quoted(text)));
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        let net: IpNet = text.parse().map_err(|_| {
            wrong().help("for example \"10.0.0.0/8\", \"fd00::/8\" or \"192.168.1.7\"")
        })?;
        if net.trunc() == net {
            return Ok(net);
        }
        Err(wrong().help(format!(
            "bits beyond the prefix are set; \"{}\" or \"{}\"",
            net.trunc(),
            net.addr()
        )))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["10.0.0.0/8", "fd00::/8"] })
    }
}

impl ToScalar for IpNet {
    fn to_scalar(&self) -> Written {
        self.to_string().into()
    }
}

impl FromScalar for PathBuf {
    const WHAT: &'static str = "a path";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "" => Err(Wrong::new("the path is empty")),
            _ if text.contains('\0') => Err(Wrong::new("the path holds a NUL")),
            _ => Ok(Self::from(text)),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl ToScalar for PathBuf {
    fn to_scalar(&self) -> Written {
        self.display().to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_exact() {
        assert_eq!(
            IpNet::from_text("10.0.0.0/8").unwrap().to_string(),
            "10.0.0.0/8"
        );
        assert_eq!(IpNet::from_text("::1").unwrap().to_string(), "::1/128");
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10/8",
            "fe80::/129",
            "10.1.0.0/8",
        ] {
            assert!(IpNet::from_text(text).is_err(), "{text}");
        }
        assert_eq!(
            IpNet::from_text("10.1.0.0/8").unwrap_err().help.unwrap(),
            "bits beyond the prefix are set; \"10.0.0.0/8\" or \"10.1.0.0\""
        );
    }

    #[test]
    fn listening_needs_an_address() {
        for (text, help) in [
            (
                ":80",
                "\"0.0.0.0:80\" for every IPv4 address, \"[::]:80\" for IPv6 as well",
            ),
            ("127.0.0.1", "it lacks a port: \"127.0.0.1:8080\""),
            ("::1", "it lacks a port: \"[::1]:8080\""),
            (
                "localhost:80",
                "names are not looked up here: \"127.0.0.1:80\"",
            ),
        ] {
            assert_eq!(
                SocketAddr::from_text(text).unwrap_err().help.as_deref(),
                Some(help),
                "{text}"
            );
        }
    }

    #[test]
    fn off_is_a_word() {
        assert_eq!("off".parse::<OrOff<SocketAddr>>(), Ok(OrOff::Off));
        assert_eq!(OrOff::<SocketAddr>::from_bool(false), Ok(OrOff::Off));
        assert!(OrOff::<SocketAddr>::from_bool(true).is_err());
    }
}
