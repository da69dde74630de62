//! Patterns of media types: `text/css`, `image/*`, `application/*+json`.

use crate::limits;
use crate::values::token::is_token;
use crate::values::wrong::{Wrong, quoted};

/// What could be written.
const SOME: &str = "for example \"text/css\", or \"image/*\" for every image";

/// A media type, all types of a kind, or those of a kind that are made of one syntax (RFC 6838 4.2.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPattern {
    /// Lower-case kind: `image`.
    kind: String,
    subtype: Subtype,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subtype {
    /// This one, in lower case.
    One(String),
    /// Any that ends so, in lower case and with its plus sign.
    Suffix(String),
    Any,
}

impl Subtype {
    fn matches(&self, subtype: &[u8]) -> bool {
        match self {
            Self::One(wanted) => subtype.eq_ignore_ascii_case(wanted.as_bytes()),
            Self::Suffix(wanted) => subtype
                .len()
                .checked_sub(wanted.len())
                .filter(|start| *start > 0)
                .is_some_and(|start| subtype[start..].eq_ignore_ascii_case(wanted.as_bytes())),
            Self::Any => !subtype.is_empty(),
        }
    }
}

impl MediaPattern {
    /// Reads a pattern, in any case.
    ///
    /// # Errors
    /// If it is no media type, has parameters, or stands for any type at all.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let bad = || Wrong::new(format!("{} is not a media type", quoted(text)));
        if text.contains(';') {
            return Err(bad().help("without parameters: they are not looked at"));
        }
        let (kind, subtype) = text.split_once('/').ok_or_else(|| bad().help(SOME))?;
        let fine =
            |name: &str| is_token(name) && name.len() <= limits::MEDIA_NAME && !name.contains('*');
        let lower = subtype.to_ascii_lowercase();
        let subtype = match lower.strip_prefix('*') {
            None if fine(&lower) => Subtype::One(lower),
            Some("") => Subtype::Any,
            Some(suffix) if suffix.len() > 1 && suffix.starts_with('+') && fine(suffix) => {
                Subtype::Suffix(suffix.to_owned())
            }
            _ => return Err(bad().help(SOME)),
        };
        if !fine(kind) {
            return Err(bad().help(SOME));
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            subtype,
        })
    }

    /// Whether a `Content-Type` is such a type, whatever its parameters.
    #[must_use]
    pub fn matches(&self, content_type: &[u8]) -> bool {
        let end = content_type.iter().position(|byte| *byte == b';');
        let essence = content_type[..end.unwrap_or(content_type.len())].trim_ascii();
        let Some(slash) = essence.iter().position(|byte| *byte == b'/') else {
            return false;
        };
        let (kind, subtype) = (&essence[..slash], &essence[slash + 1..]);
        kind.eq_ignore_ascii_case(self.kind.as_bytes()) && self.subtype.matches(subtype)
    }

    /// How many types it stands for, for the order in which patterns are tried: 0 for one, 1 for those with a suffix, 2 for
    /// all of a kind.
    pub(crate) fn breadth(&self) -> u8 {
        match self.subtype {
            Subtype::One(_) => 0,
            Subtype::Suffix(_) => 1,
            Subtype::Any => 2,
        }
    }

    /// The text that reads back as this pattern.
    #[must_use]
    pub fn show(&self) -> String {
        let (star, subtype) = match &self.subtype {
            Subtype::One(subtype) => ("", &**subtype),
            Subtype::Suffix(suffix) => ("*", &**suffix),
            Subtype::Any => ("*", ""),
        };
        format!("{}/{star}{subtype}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whatever_the_case_and_the_parameters() {
        let css = MediaPattern::read("Text/CSS").unwrap();
        for kind in [
            "text/css",
            "TEXT/css",
            "text/css; charset=utf-8",
            " text/css ;",
        ] {
            assert!(css.matches(kind.as_bytes()), "{kind}");
        }
        for kind in [
            "",
            "text",
            "text/",
            "text/csss",
            "text/html; a=text/css",
            "text/css/x",
        ] {
            assert!(!css.matches(kind.as_bytes()), "{kind}");
        }
        let image = MediaPattern::read("image/*").unwrap();
        assert!(image.matches(b"image/png") && image.matches(b"Image/svg+xml"));
        assert!(!image.matches(b"image/") && !image.matches(b"images/png"));
        let json = MediaPattern::read("Application/*+JSON").unwrap();
        assert!(json.matches(b"application/ld+json") && json.matches(b"application/a.b+Json;c"));
        for kind in [
            "application/json",
            "application/+json",
            "application/jsn",
            "image/a+json",
        ] {
            assert!(!json.matches(kind.as_bytes()), "{kind}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "text",
            "/",
            "text/",
            "/css",
            "*",
            "*/*",
            "*/css",
            "text/*+",
            "text/*xml",
            "text/*+x*l",
            "text/a*+xml",
            "te*/css",
            "a b/c",
            "text/css; charset=utf-8",
            "text/css/x",
            "é/a",
        ] {
            assert!(MediaPattern::read(text).is_err(), "{text}");
        }
        let long = format!("text/{}", "x".repeat(limits::MEDIA_NAME + 1));
        assert!(MediaPattern::read(&long).is_err());
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["text/css", "image/*", "application/ld+json", "text/*+xml"] {
            assert_eq!(MediaPattern::read(text).unwrap().show(), text);
        }
    }
}
