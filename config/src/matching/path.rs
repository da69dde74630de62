//! Path patterns as users write them: `/a`, `/api/*`, `/users/{id}/posts`, `/files/{id}/*`.

use ringfence_http::path::normalise;
use schemars::{Schema, json_schema};

use crate::limits;
use crate::matching::{PathPattern, Segment};
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

impl PathPattern {
    /// The pattern that every path matches: `/*`.
    #[must_use]
    pub const fn any() -> Self {
        Self {
            segments: Vec::new(),
            open: true,
        }
    }

    /// The names of the parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The text that reads back as this pattern.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Param(name) => text.extend(["{", name, "}"]),
            }
        }
        if self.open {
            text.push_str("/*");
        }
        text
    }
}

impl FromScalar for PathPattern {
    const WHAT: &'static str = "a path such as \"/api/*\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let rest = after_slash(text)?;
        if text.len() > limits::PATH {
            return Err(
                Wrong::new(format!("a path of {} bytes is too long", text.len()))
                    .help(format!("at most {}", limits::PATH)),
            );
        }
        let mut segments: Vec<&str> = rest.split('/').collect();
        let open = segments.last() == Some(&"*");
        if open {
            segments.pop();
        }
        let segments = segments
            .into_iter()
            .map(|part| segment(text, part))
            .collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { segments, open };
        check_params(text, &pattern)?;
        check_empty_segments(text, &pattern)?;
        check_exists(text, &pattern.segments)?;
        Ok(pattern)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(/|.*\$\{)", "examples": ["/a", "/api/*", "/users/{id}/posts", "/files/{id}/*"] })
    }
}

impl ToScalar for PathPattern {
    fn to_scalar(&self) -> Written {
        self.show().into()
    }
}

/// Reads a prefix for a rewrite: a literal path. Gives it without a final slash, so `/` becomes empty.
///
/// # Errors
/// If it does not begin with a slash, or holds a parameter, a star or a byte that no path has.
pub fn literal_prefix(text: &str) -> Result<String, Wrong> {
    let rest = after_slash(text)?;
    if rest.contains(['{', '}', '*']) {
        return Err(
            Wrong::new(format!("the prefix {} is not a plain path", quoted(text)))
                .help("parameters and stars belong to the route's `path`"),
        );
    }
    if text.contains("//") {
        return Err(Wrong::new(format!(
            "the prefix {} has an empty segment",
            quoted(text)
        )));
    }
    let trimmed = rest.trim_end_matches('/');
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    let parts = trimmed
        .split('/')
        .map(|part| literal(text, part).map(Segment::Literal))
        .collect::<Result<Vec<_>, _>>()?;
    check_exists(text, &parts)?;
    let prefix = PathPattern {
        segments: parts,
        open: false,
    };
    Ok(prefix.show())
}

fn after_slash(text: &str) -> Result<&str, Wrong> {
    text.strip_prefix('/').ok_or_else(|| {
        let wrong = Wrong::new(format!("the path {} does not begin with `/`", quoted(text)));
        if text.contains("://") {
            wrong.help("a path only; the host has its own key")
        } else {
            wrong.help(format!("\"/{text}\""))
        }
    })
}

fn segment(text: &str, part: &str) -> Result<Segment, Wrong> {
    if let Some(name) = part
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let fine = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.as_bytes()[0].is_ascii_digit();
        return if fine {
            Ok(Segment::Param(name.to_owned()))
        } else {
            Err(
                Wrong::new(format!("{} is not a parameter name", quoted(name)))
                    .help("letters, digits and `_`, not a digit first"),
            )
        };
    }
    if part.contains(['{', '}', '*']) {
        let wrong = Wrong::new(format!(
            "the segment {} mixes text with a parameter or a star",
            quoted(part)
        ));
        return Err(wrong.help(
            "a parameter is a whole segment, and a star is the last one: \"/users/{id}/*\"",
        ));
    }
    literal(text, part).map(Segment::Literal)
}

/// The bytes that a segment has in a normalised request path: unreserved ones plain, triplets in upper case.
fn literal(text: &str, part: &str) -> Result<String, Wrong> {
    let mut out = String::new();
    let mut rest = part.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            if !is_segment_byte(*byte) {
                return Err(not_in_a_path(text));
            }
            out.push(char::from(*byte));
            continue;
        }
        let (Some(value), [_, _, tail @ ..]) = (hex_pair(rest), rest) else {
            return Err(Wrong::new(format!(
                "the path {} has a `%` without two hex digits",
                quoted(text)
            ))
            .help("a per cent sign itself is `%25`"));
        };
        rest = tail;
        push_decoded(&mut out, value);
    }
    if matches!(out.as_str(), "." | "..") {
        return Err(
            Wrong::new(format!("the path {} has a dot segment", quoted(text)))
                .help("request paths are resolved before they are matched"),
        );
    }
    Ok(out)
}

fn push_decoded(out: &mut String, value: u8) {
    if is_unreserved(value) {
        out.push(char::from(value));
    } else {
        out.push_str(&format!("%{value:02X}"));
    }
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(bytes.first()?)? << 4 | digit(bytes.get(1)?)?)
}

/// RFC 3986 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 3.3, `pchar` without triplets.
pub(crate) const fn is_segment_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

fn not_in_a_path(text: &str) -> Wrong {
    let encoded: String = text
        .bytes()
        .map(|b| {
            if is_segment_byte(b) || matches!(b, b'/' | b'%' | b'{' | b'}') {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let wrong = Wrong::new(format!(
        "the path {} has a character that no path has",
        quoted(text)
    ));
    if text.contains(['?', '#']) {
        wrong.help("routes look at the path alone, without query and fragment")
    } else {
        wrong.help(format!("\"{encoded}\""))
    }
}

fn check_params(text: &str, pattern: &PathPattern) -> Result<(), Wrong> {
    let names: Vec<&str> = pattern.params().collect();
    if names.len() > limits::PARAMS {
        return Err(Wrong::new(format!(
            "the path {} has {} parameters",
            quoted(text),
            names.len()
        ))
        .help(format!("at most {}", limits::PARAMS)));
    }
    match names
        .iter()
        .enumerate()
        .find(|(at, name)| names[..*at].contains(name))
    {
        Some((_, name)) => Err(Wrong::new(format!(
            "the path {} has two parameters called `{name}`",
            quoted(text)
        ))),
        None => Ok(()),
    }
}

/// Some paths are refused before they are routed: those that a server could take for others (`/..%2Fa`), and NUL.
fn check_exists(text: &str, segments: &[Segment]) -> Result<(), Wrong> {
    let refused = segments.iter().any(|segment| match segment {
        Segment::Literal(literal) => {
            normalise(format!("/{literal}/").as_bytes(), &mut Vec::new(), false).is_err()
        }
        Segment::Param(_) => false,
    });
    if refused {
        let wrong = Wrong::new(format!("no request has the path {}", quoted(text)));
        return Err(wrong.help("such a path is refused before it is routed"));
    }
    Ok(())
}

/// An empty segment is only the last one (`/a/`), where nothing merges it away.
fn check_empty_segments(text: &str, pattern: &PathPattern) -> Result<(), Wrong> {
    let last = pattern
        .segments
        .len()
        .saturating_sub(usize::from(!pattern.open));
    let empty = |segment: &Segment| *segment == Segment::Literal(String::new());
    if pattern.segments[..last].iter().any(empty) {
        return Err(
            Wrong::new(format!("the path {} has an empty segment", quoted(text)))
                .help("write one slash where two stand together"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        PathPattern::from_text(text).unwrap().show()
    }

    #[test]
    fn reads_every_form() {
        for text in [
            "/",
            "/*",
            "/a",
            "/a/",
            "/api/*",
            "/users/{id}/posts",
            "/files/{id}/*",
            "/a%2Fb",
            "/a:b@c",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("/%7euser/%c3%a9"), "/~user/%C3%A9");
        assert_eq!(PathPattern::from_text("/*").unwrap(), PathPattern::any());
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "a",
            "/a//b",
            "//",
            "//*",
            "/a b",
            "/é",
            "/a?b",
            "/%zz",
            "/%2",
            "/../a",
            "/%2e%2E/a",
            "/a/./b",
            "/{a}b",
            "/{}",
            "/{1}",
            "/{a}/{a}",
            "/*/a",
            "/a*",
            "/a\0",
            "https://a/b",
        ] {
            assert!(PathPattern::from_text(text).is_err(), "{text:?}");
        }
        assert_eq!(
            PathPattern::from_text("/é x").unwrap_err().help.unwrap(),
            "\"/%C3%A9%20x\""
        );
        assert_eq!(
            PathPattern::from_text("api").unwrap_err().help.unwrap(),
            "\"/api\""
        );
    }

    #[test]
    fn prefixes_are_plain_paths() {
        assert_eq!(literal_prefix("/"), Ok(String::new()));
        assert_eq!(literal_prefix("/api/"), Ok("/api".to_owned()));
        for text in ["", "api", "/{id}", "/a/*", "/a//b", "/.."] {
            assert!(literal_prefix(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "/([a-z%{}*./2Ff-]{0,4}/?){0,4}") {
            if let Ok(pattern) = PathPattern::from_text(&text) {
                prop_assert_eq!(PathPattern::from_text(&pattern.show()), Ok(pattern));
            }
        }
    }
}
