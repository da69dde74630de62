//! Patterns of media types: `text/css`, `image/*`.

use crate::limits;
use crate::values::token::is_token;
use crate::values::wrong::{Wrong, quoted};

/// A media type, or all types of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPattern {
    /// Lower-case kind: `image`.
    kind: String,
    /// Lower-case subtype; `None` = any.
    subtype: Option<String>,
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
        let (kind, subtype) = text.split_once('/').ok_or_else(|| {
            bad().help("for example \"text/css\", or \"image/*\" for every image")
        })?;
        if kind == "*" {
            return Err(bad().help("`ttl` says it for responses of every type"));
        }
        let fine =
            |name: &str| is_token(name) && name.len() <= limits::MEDIA_NAME && !name.contains('*');
        if !fine(kind) || !(subtype == "*" || fine(subtype)) {
            return Err(bad().help("for example \"text/css\", or \"image/*\" for every image"));
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: (subtype != "*").then(|| subtype.to_ascii_lowercase()),
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
        kind.eq_ignore_ascii_case(self.kind.as_bytes())
            && self.subtype.as_ref().map_or(!subtype.is_empty(), |wanted| {
                subtype.eq_ignore_ascii_case(wanted.as_bytes())
            })
    }

    /// Whether it stands for every type of its kind.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.subtype.is_none()
    }

    /// The text that reads back as this pattern.
    #[must_use]
    pub fn show(&self) -> String {
        let subtype = self.subtype.as_deref().unwrap_or("*");
        format!("{}/{subtype}", self.kind)
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
            "text/*+xml",
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
        for text in ["text/css", "image/*", "application/ld+json"] {
            assert_eq!(MediaPattern::read(text).unwrap().show(), text);
        }
    }
}
