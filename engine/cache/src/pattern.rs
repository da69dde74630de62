//! Which URLs a purge means.

/// The schemes that a URL may begin with. They do not tell what is stored apart: a purge of either covers both.
const SCHEMES: [&[u8]; 2] = [b"http://", b"https://"];

/// URLs by how they begin, or by a pattern.
#[derive(Debug)]
pub struct UrlPattern {
    /// Without the scheme, and with the host in lower case.
    text: Box<[u8]>,
    /// Where in it the path begins.
    path_at: usize,
    /// Every `*` stands for any run of bytes, and the URL has to end where the pattern does.
    is_glob: bool,
}

impl UrlPattern {
    /// All URLs that begin with these bytes.
    #[must_use]
    pub fn prefix(url: &[u8]) -> Self {
        Self::new(url, false)
    }

    /// All URLs that the pattern matches, in which every `*` stands for any run of bytes.
    #[must_use]
    pub fn glob(url: &[u8]) -> Self {
        Self::new(url, true)
    }

    fn new(url: &[u8], is_glob: bool) -> Self {
        let mut text: Box<[u8]> = without_scheme(url).into();
        let find = |wanted: u8| text.iter().position(|byte| *byte == wanted);
        let slash = find(b'/');
        // A `*` before any path takes in the path too.
        let star = if is_glob { find(b'*') } else { None };
        let path_at = slash.or(star).unwrap_or(text.len());
        text[..path_at].make_ascii_lowercase();
        Self {
            text,
            path_at,
            is_glob,
        }
    }

    /// Bytes of heap that one takes behind an `Arc`.
    pub(crate) fn weight(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Self>() + self.text.len()
    }

    /// Whether it means a key's URL. Where a route leaves the host out of its keys, the path alone counts.
    #[must_use]
    pub fn matches(&self, url: &[u8]) -> bool {
        let url = without_scheme(url);
        let text = match url.first() {
            Some(b'/') => &self.text[self.path_at..],
            _ => &self.text,
        };
        match self.is_glob {
            true => is_match(text, url),
            false => url.starts_with(text),
        }
    }
}

/// What of a URL comes behind its scheme.
#[must_use]
pub fn without_scheme(url: &[u8]) -> &[u8] {
    let behind = |scheme: &&[u8]| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    SCHEMES.iter().find_map(behind).unwrap_or(url)
}

/// What of a URL comes behind its scheme, as authority, path and query.
#[must_use]
pub fn split_url(rest: &[u8]) -> (&[u8], &[u8], Option<&[u8]>) {
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
    match rest.iter().position(|byte| *byte == b'?') {
        Some(at) => (authority, &rest[..at], Some(&rest[at + 1..])),
        None => (authority, rest, None),
    }
}

/// Whether a pattern matches all of `text`. The last `*` alone is tried again: what an earlier one has taken is as good as
/// anything else that it could have.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(byte) if *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((behind, from)) = star else {
                    return false;
                };
                star = Some((behind, from + 1));
                (at, seen) = (behind, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, url: &str) -> bool {
        UrlPattern::glob(pattern.as_bytes()).matches(url.as_bytes())
    }

    fn prefix(start: &str, url: &str) -> bool {
        UrlPattern::prefix(start.as_bytes()).matches(url.as_bytes())
    }

    #[test]
    fn a_star_stands_for_any_run_of_bytes() {
        for (pattern, url) in [
            ("http://a/x/*", "http://a/x/"),
            ("http://a/x/*", "http://a/x/y/z?q=*"),
            ("http://a/*.css", "http://a/x/y.css"),
            ("http://a/*.css*", "http://a/y.css?v=1"),
            ("http://*/y", "http://a.b/x/y"),
            ("http://a/*a*ab", "http://a/aaab"),
            ("http://*", "http://a/x"),
            ("https://A/X", "http://a/X"),
            ("http://a/x?y", "http://a/x?y"),
            ("*", "http://a/x"),
        ] {
            assert!(glob(pattern, url), "{pattern} {url}");
        }
        for (pattern, url) in [
            ("http://a/x/*", "http://a/x"),
            ("http://a/x", "http://a/x/"),
            ("http://a/X", "http://a/x"),
            ("http://a/*.css", "http://a/y.css?v=1"),
            ("http://a/*", "http://ab/x"),
            ("http://a/*ab", "http://a/aaa"),
            ("http://a/x?y", "http://a/xzy"),
        ] {
            assert!(!glob(pattern, url), "{pattern} {url}");
        }
    }

    #[test]
    fn a_prefix_takes_a_star_for_what_it_is() {
        assert!(prefix("http://A/x", "http://a/xy/z"));
        assert!(prefix("http://a", "http://a/x"));
        assert!(!prefix("http://a/*", "http://a/x"));
        assert!(!prefix("http://a/X", "http://a/x"));
    }

    #[test]
    fn a_key_without_scheme_or_host_is_told_by_the_rest() {
        for key in ["a/x/y", "http:///x/y", "/x/y"] {
            assert!(glob("http://a/x/*", key), "{key}");
            assert!(prefix("http://a/x", key), "{key}");
            assert!(!glob("http://a/y/*", key), "{key}");
        }
        assert!(glob("http://a*", "/x") && prefix("http://a", "/x"));
    }
}
