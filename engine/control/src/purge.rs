//! What a purge is asked to cover.

use ringfence_config::why_no_url;
use serde::{Deserialize, Serialize};

/// Tags, URLs and hosts that one purge may name, together.
const MOST_NAMED: usize = 1_000;

/// Prefixes and patterns that one purge may have, together: every stored response is held against each.
const MOST_SOUGHT: usize = 64;

/// Bytes of a tag; no response is stored with a longer one.
const LONGEST_TAG: usize = 1 << 10;

/// Bytes of a host, with its port.
const LONGEST_HOST: usize = 300;

/// Bytes of a URL, a prefix or a pattern.
pub(crate) const LONGEST_URL: usize = 8 << 10;

/// What is to be purged, as the body of `POST /cache/purge` says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purge {
    /// Tags of responses.
    pub tags: Vec<String>,
    /// URLs, with scheme and host.
    pub urls: Vec<String>,
    /// Hosts as requests name them: with the port, where they do.
    pub hosts: Vec<String>,
    /// Patterns of URLs, in which `*` stands for any run of bytes.
    pub patterns: Vec<String>,
    /// What URLs begin with.
    pub prefixes: Vec<String>,
    /// Everything.
    pub all: bool,
    /// What is covered may stand in until it is validated.
    pub soft: bool,
}

impl Purge {
    /// How many orders it has.
    #[must_use]
    pub fn orders(&self) -> usize {
        let named = self.tags.len() + self.urls.len() + self.hosts.len();
        named + self.patterns.len() + self.prefixes.len() + usize::from(self.all)
    }

    /// Whether it can be carried out.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever asked.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.orders() == 0 {
            return Err(
                "nothing to purge: give tags, urls, hosts, patterns, prefixes or all".to_owned(),
            );
        }
        let named = self.tags.len() + self.urls.len() + self.hosts.len();
        if named > MOST_NAMED {
            let most = MOST_NAMED;
            return Err(format!(
                "{named} tags, urls and hosts; at most {most} at once"
            ));
        }
        let sought = self.patterns.len() + self.prefixes.len();
        if sought > MOST_SOUGHT {
            let most = MOST_SOUGHT;
            return Err(format!(
                "{sought} patterns and prefixes; at most {most} at once"
            ));
        }
        check_each("tags", &self.tags, LONGEST_TAG, is_tag)?;
        check_each("urls", &self.urls, LONGEST_URL, why_no_url)?;
        check_each("hosts", &self.hosts, LONGEST_HOST, is_host)?;
        check_each("patterns", &self.patterns, LONGEST_URL, why_no_url)?;
        check_each("prefixes", &self.prefixes, LONGEST_URL, why_no_url)
    }
}

/// Why a text can't be what it is to be.
pub(crate) type Wrong = Option<&'static str>;

fn check_each(
    list: &str,
    texts: &[String],
    longest: usize,
    wrong: fn(&str) -> Wrong,
) -> Result<(), String> {
    for (at, text) in texts.iter().enumerate() {
        if text.len() > longest {
            return Err(format!(
                "{list}[{at}] is {} bytes long; at most {longest}",
                text.len()
            ));
        }
        if let Some(why) = wrong(text) {
            return Err(format!("{list}[{at}]: {text:?} {why}"));
        }
    }
    Ok(())
}

fn is_tag(text: &str) -> Wrong {
    match text.is_empty() {
        true => Some("is no tag"),
        false => None,
    }
}

fn is_host(text: &str) -> Wrong {
    let odd =
        |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'/' | b'?' | b'#' | b'@' | b'*');
    match text.is_empty() || text.bytes().any(odd) {
        true => Some("is no host such as `example.com` or `example.com:8080`"),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(), String> {
        let purge: Purge = serde_json::from_str(json).map_err(|error| error.to_string())?;
        purge.check()
    }

    #[test]
    fn sound_purges_pass() {
        for json in [
            r#"{"all": true}"#,
            r#"{"tags": ["a b"], "soft": true}"#,
            r#"{"urls": ["http://a/x?y", "HTTPS://a"], "hosts": ["a:80", "[::1]:80"]}"#,
            r#"{"patterns": ["http://*/x"], "prefixes": ["http://a"]}"#,
        ] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = format!("{{\"tags\": [{}]}}", vec!["\"a\""; 1_001].join(","));
        let sought = vec!["\"http://a\""; 65].join(",");
        let sought = format!("{{\"prefixes\": [{sought}]}}");
        let long = format!("{{\"tags\": [\"a\", \"{}\"]}}", "a".repeat(1_025));
        for (json, why) in [
            ("{}", "nothing to purge"),
            (r#"{"soft": true}"#, "nothing to purge"),
            (r#"{"tag": ["a"]}"#, "unknown field `tag`"),
            (r#"{"tags": "a"}"#, "invalid type"),
            (r#"{"tags": [""]}"#, "tags[0]"),
            (r#"{"urls": ["/x"]}"#, "does not begin with http://"),
            (r#"{"urls": ["é"]}"#, "does not begin with http://"),
            (r#"{"urls": ["http:///x"]}"#, "names no host"),
            (r#"{"patterns": ["http://a/ x"]}"#, "a space"),
            (r#"{"hosts": ["http://a"]}"#, "is no host"),
            (&many, "at most 1000"),
            (&sought, "at most 64"),
            (&long, "tags[1] is 1025 bytes long"),
        ] {
            let error = check(json).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}
