//! What an explanation is asked of.

use std::net::{IpAddr, Ipv4Addr};

use ringfence_config::why_no_url;
use ringfence_telemetry::Target;
use serde::{Deserialize, Serialize};

use crate::purge::LONGEST_URL;

/// Fields that the request may have.
const MOST_FIELDS: usize = 128;

/// Bytes of one of them.
const LONGEST_FIELD: usize = 8 << 10;

/// Bytes of a method.
const LONGEST_METHOD: usize = 64;

/// A request that is asked about, as the body of `POST /explain` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// Its method.
    #[serde(default = "get")]
    pub method: String,
    /// Its URL, with scheme and host.
    pub url: String,
    /// Its fields, each a line such as `Accept: text/html`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The address that it would come from.
    #[serde(default = "here")]
    pub from: IpAddr,
}

fn get() -> String {
    "GET".to_owned()
}

fn here() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

impl Explain {
    /// What is asked about a request that is made for the cache alone.
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            method: get(),
            url: target.url.clone(),
            headers: target.headers.clone(),
            from: here(),
        }
    }

    /// Whether it can be put as a request. What a listener refuses of it is part of the answer.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever asked.
    pub(crate) fn check(&self) -> Result<(), String> {
        let method = &self.method;
        let plain = method.bytes().all(|byte| byte.is_ascii_graphic());
        if method.is_empty() || method.len() > LONGEST_METHOD || !plain {
            return Err(format!("method: {method:?} is no method such as GET"));
        }
        if let Some(why) = why_no_url(&self.url) {
            return Err(format!("url: {:?} {why}", self.url));
        }
        if self.url.len() > LONGEST_URL {
            let (length, most) = (self.url.len(), LONGEST_URL);
            return Err(format!("url is {length} bytes long; at most {most}"));
        }
        if self.headers.len() > MOST_FIELDS {
            let (count, most) = (self.headers.len(), MOST_FIELDS);
            return Err(format!("{count} headers; at most {most}"));
        }
        for (at, line) in self.headers.iter().enumerate() {
            let odd = line.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
            if odd || line.len() > LONGEST_FIELD || !line.contains(':') {
                return Err(format!(
                    "headers[{at}]: {line:?} is no header such as `Accept: text/html`"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(), String> {
        let explain: Explain = serde_json::from_str(json).map_err(|error| error.to_string())?;
        explain.check()
    }

    #[test]
    fn sound_questions_pass() {
        for json in [
            r#"{"url": "http://a/x?y"}"#,
            r#"{"method": "POST", "url": "https://a", "headers": ["A: b", "c:"], "from": "::1"}"#,
        ] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = vec!["\"A: b\""; 129].join(",");
        let many = format!("{{\"url\": \"http://a\", \"headers\": [{many}]}}");
        let long = format!("{{\"url\": \"http://a/{}\"}}", "a".repeat(8 << 10));
        for (json, why) in [
            ("{}", "missing field `url`"),
            (r#"{"url": "/x"}"#, "does not begin with http://"),
            (r#"{"url": "http://a", "method": "G T"}"#, "is no method"),
            (r#"{"url": "http://a", "headers": ["A"]}"#, "headers[0]"),
            (
                r#"{"url": "http://a", "headers": ["A: b\r\nC: d"]}"#,
                "headers[0]",
            ),
            (r#"{"url": "http://a", "from": "a"}"#, "IP address"),
            (&many, "at most 128"),
            (&long, "at most 8192"),
        ] {
            let error = check(json).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}
