//! Path patterns as users write them: `/a`, `/api/*`, `/users/{id}/posts`, `/files/{id}/*`.

use schemars::{Schema, json_schema};

use crate::limits;
use crate::matching::segment::{check_exists, literal, segment};
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
