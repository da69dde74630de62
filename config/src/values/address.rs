//! Addresses to listen on, DNS servers, and networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A DNS server: an address, and a port where it is not 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsServer(pub SocketAddr);

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
}
