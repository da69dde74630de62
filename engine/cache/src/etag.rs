//! Entity tags (RFC 9110 section 8.8.3).

use ringfence_http::syntax::is_ows;

/// One entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    /// It may stay the same where bytes change that do not matter.
    weak: bool,
    /// What is between the quotes.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The tag that a field's whole value is; nothing where it is none.
    pub(crate) fn of(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::split(value)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag at the start, and what stands behind it.
    fn split(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let len = inner.iter().position(|byte| *byte == b'"')?;
        let opaque = &inner[..len];
        let sound = opaque
            .iter()
            .all(|byte| matches!(byte, b'!'..=b'~' | 0x80..));
        sound.then_some((Self { weak, opaque }, &inner[len + 1..]))
    }

    /// Whether both are the same by the weak comparison (section 8.8.3.2).
    pub(crate) fn matches(self, other: Self) -> bool {
        self.opaque == other.opaque
    }

    /// Whether both are the same by the strong comparison, under which a weak tag is like none.
    pub(crate) fn is(self, other: Self) -> bool {
        !self.weak && !other.weak && self.matches(other)
    }
}

/// The tags of one line of a list. What is none ends it: nothing behind it is sure.
pub(crate) fn tags(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let at = rest
            .iter()
            .position(|byte| !is_ows(*byte) && *byte != b',')?;
        let (tag, behind) = EntityTag::split(&rest[at..])?;
        let gap = behind
            .iter()
            .position(|byte| !is_ows(*byte))
            .unwrap_or(behind.len());
        rest = match behind[gap..].first() {
            None | Some(b',') => &behind[gap..],
            Some(_) => b"",
        };
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::of(text.as_bytes()).expect("a tag")
    }

    #[test]
    fn comparisons_of_the_rfc() {
        // The table of section 8.8.3.2.
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (one, other) = (tag(one), tag(other));
            assert_eq!((one.is(other), one.matches(other)), (strong, weak));
        }
    }

    #[test]
    fn what_is_no_tag() {
        for text in [
            "", "1", "\"1", "1\"", "w/\"1\"", "W/1", "\"a b\"", "\"1\" ", "\"1\"2", "*",
        ] {
            assert_eq!(EntityTag::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lists() {
        let read = |line: &str| -> Vec<String> {
            let text = |tag: EntityTag<'_>| String::from_utf8_lossy(tag.opaque).into_owned();
            tags(line.as_bytes()).map(text).collect()
        };
        assert_eq!(read("\"a\", W/\"b,c\" ,,\"\""), ["a", "b,c", ""]);
        assert_eq!(read("\"a\" \"b\", \"c\""), ["a"]);
        assert_eq!(read("\"a\", b, \"c\""), ["a"]);
        assert_eq!(read(" , "), [""; 0]);
    }
}
