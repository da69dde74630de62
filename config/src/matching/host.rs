//! Host patterns as users write them: `example.com`, `*.example.com`, `*`.

use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::{Schema, json_schema};

use crate::matching::HostPattern;
use crate::values::host::check_host_name;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A host pattern, or `*` for any host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChoice(pub Option<HostPattern>);

impl FromScalar for HostChoice {
    const WHAT: &'static str = "a host such as \"example.com\" or \"*.example.com\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "*" {
            return Ok(Self(None));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            check_name(text, suffix)?;
            return Ok(Self(Some(HostPattern::Below(suffix.to_ascii_lowercase()))));
        }
        if text.contains('*') {
            return Err(Wrong::new(format!(
                "the host pattern {} has a star in the middle",
                quoted(text)
            ))
            .help("a star stands alone or before the first dot: \"*.example.com\""));
        }
        exact(text).map(|host| Self(Some(HostPattern::Exact(host))))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["example.com", "*.example.com", "*"] })
    }
}

impl ToScalar for HostChoice {
    fn to_scalar(&self) -> Written {
        match &self.0 {
            None => "*".to_owned().into(),
            Some(HostPattern::Exact(host)) => host.clone().into(),
            Some(HostPattern::Below(suffix)) => format!("*.{suffix}").into(),
        }
    }
}

/// An exact host: a name, an IPv4 address, or an IPv6 address in brackets.
fn exact(text: &str) -> Result<String, Wrong> {
    if let Some(inside) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return match inside.parse::<Ipv6Addr>() {
            Ok(_) => Ok(text.to_ascii_lowercase()),
            Err(_) => Err(Wrong::new(format!(
                "{} is not an IPv6 address",
                quoted(inside)
            ))),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(
            Wrong::new(format!("the host {} lacks brackets", quoted(text)))
                .help(format!("\"[{text}]\"")),
        );
    }
    if text.parse::<Ipv4Addr>().is_err() {
        check_name(text, text)?;
    }
    Ok(text.to_ascii_lowercase())
}

fn check_name(text: &str, name: &str) -> Result<(), Wrong> {
    if let Some((_, rest)) = text.split_once("://") {
        return Err(
            Wrong::new(format!("the host {} has a scheme", quoted(text)))
                .help(format!("\"{}\"", rest.trim_end_matches('/'))),
        );
    }
    if let Some((host, _)) = text.split_once(':') {
        return Err(Wrong::new(format!("the host {} has a port", quoted(text)))
            .help(format!("routes look at the host alone: \"{host}\"")));
    }
    check_host_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for (text, shown) in [
            ("Example.com", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("*", "*"),
            ("[::1]", "[::1]"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            let host = HostChoice::from_text(text).unwrap();
            assert_eq!(host.to_scalar(), Written::Text(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "*.",
            "a.*.com",
            "**",
            "*a.com",
            "a.com:80",
            "http://a.com",
            "::1",
            "[x]",
            "é.com",
            "a/b",
            "a.com.",
        ] {
            assert!(HostChoice::from_text(text).is_err(), "{text}");
        }
        assert_eq!(
            HostChoice::from_text("a.com:80").unwrap_err().help.unwrap(),
            "routes look at the host alone: \"a.com\""
        );
    }
}
