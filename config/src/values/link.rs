//! URLs of pages, and places of sitemaps.

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// An absolute URL over HTTP or HTTPS, with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(pub String);

/// Where a sitemap is: a URL over plain HTTP, or the path of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitemapPlace(pub String);

/// What a URL has behind its scheme, in which case it may be.
fn behind_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

const NO_SCHEME: &str = "does not begin with http:// or https://";

/// Why a text is no absolute URL over HTTP or HTTPS, with a host, if it is none; to be put behind the text.
#[must_use]
pub fn why_no_url(text: &str) -> Option<&'static str> {
    let rest = behind_scheme(text, "http://").or_else(|| behind_scheme(text, "https://"));
    let Some(rest) = rest else {
        return Some(NO_SCHEME);
    };
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return Some("names no host");
    }
    let odd = |byte: u8| byte <= b' ' || byte == 0x7f;
    rest.bytes()
        .any(odd)
        .then_some("has a space or a control character in it")
}

impl FromScalar for WebUrl {
    const WHAT: &'static str = "a URL such as \"http://example.com/\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let bad = |why: &str| Wrong::new(format!("{} {why}", quoted(text)));
        match why_no_url(text) {
            Some(NO_SCHEME) => {
                return Err(bad("is no URL").help("for example \"http://example.com/\""));
            }
            Some(why) => return Err(bad(why)),
            None => {}
        }
        if text.len() > limits::WARM_URL {
            return Err(bad("is too long").help(format!("at most {} bytes", limits::WARM_URL)));
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["http://example.com/"] })
    }
}

impl ToScalar for WebUrl {
    fn to_scalar(&self) -> Written {
        self.0.clone().into()
    }
}

impl FromScalar for SitemapPlace {
    const WHAT: &'static str =
        "a sitemap such as \"sitemap.xml\" or \"http://127.0.0.1:3001/sitemap.xml\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if behind_scheme(text, "https://").is_some() {
            return Err(Wrong::new(format!(
                "{} needs TLS, which is not spoken yet",
                quoted(text)
            ))
            .help("give a URL over plain HTTP, such as one of a server, or a file"));
        }
        if text.contains("://") {
            WebUrl::from_text(text)?;
        }
        match text {
            "" => Err(Wrong::new("the path of the sitemap is empty")),
            _ if text.contains('\0') => Err(Wrong::new("the path of the sitemap holds a NUL")),
            _ => Ok(Self(text.to_owned())),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string", "minLength": 1,
            "examples": ["/var/www/sitemap.xml", "http://127.0.0.1:3001/sitemap.xml"],
        })
    }
}

impl ToScalar for SitemapPlace {
    fn to_scalar(&self) -> Written {
        self.0.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_scheme_and_a_host() {
        for text in ["http://a/", "HTTPS://a:1/b?c#d", "http://a?b"] {
            assert_eq!(WebUrl::from_text(text), Ok(WebUrl(text.to_owned())));
        }
        for text in ["", "/a", "a/b", "ftp://a/", "http:///a", "http://a b/", "é"] {
            assert!(WebUrl::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sitemaps_are_files_or_asked_for_over_plain_http() {
        for text in ["a.xml", "/a/b.xml", "http://a/b.xml"] {
            assert_eq!(
                SitemapPlace::from_text(text),
                Ok(SitemapPlace(text.to_owned()))
            );
        }
        for text in ["", "https://a/b.xml", "ftp://a/b.xml", "http:///b.xml"] {
            assert!(SitemapPlace::from_text(text).is_err(), "{text}");
        }
    }
}
