//! The entity tags of coded forms (RFC 9110 section 8.8.3).

use ringfence_config::ContentCoding;

/// The tag of a form that is coded once and kept: another one than that of the response as it is, since its bytes are others.
/// Strong or weak as that one is; nothing where that one is no tag.
#[must_use]
pub fn coded(tag: &[u8], coding: ContentCoding) -> Option<Vec<u8>> {
    let open = tag.strip_suffix(b"\"").filter(|_| is_tag(tag))?;
    Some([open, b"-", coding.as_str().as_bytes(), b"\""].concat())
}

/// The tag of a form that is coded anew for each client, so that no two need have the same bytes: weak.
#[must_use]
pub fn weak(tag: &[u8]) -> Option<Vec<u8>> {
    match tag {
        _ if !is_tag(tag) => None,
        [b'W', ..] => Some(tag.to_vec()),
        strong => Some([b"W/", strong].concat()),
    }
}

/// The tag of the response as it is, of which `tag` is that of a coded form; nothing where it is none.
#[must_use]
pub fn plain_of(tag: &[u8]) -> Option<Vec<u8>> {
    let open = tag.strip_suffix(b"\"").filter(|_| is_tag(tag))?;
    ContentCoding::ALL.iter().find_map(|coding| {
        let plain = open.strip_suffix(coding.as_str().as_bytes())?;
        Some([plain.strip_suffix(b"-")?, b"\""].concat())
    })
}

/// Whether it is one tag.
fn is_tag(tag: &[u8]) -> bool {
    let quoted = tag.strip_prefix(b"W/").unwrap_or(tag);
    matches!(quoted, [b'"', inner @ .., b'"'] if !inner.contains(&b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContentCoding::{Brotli, Gzip};

    fn text(tag: Option<Vec<u8>>) -> Option<String> {
        tag.map(|tag| String::from_utf8(tag).unwrap())
    }

    #[test]
    fn kept_forms_have_tags_of_their_own() {
        for (plain, tag) in [
            ("\"abc\"", "\"abc-br\""),
            ("W/\"abc\"", "W/\"abc-br\""),
            ("\"\"", "\"-br\""),
        ] {
            assert_eq!(text(coded(plain.as_bytes(), Brotli)).unwrap(), tag);
            assert_eq!(text(plain_of(tag.as_bytes())).unwrap(), plain);
        }
        assert_eq!(text(coded(b"\"a\"", Gzip)).unwrap(), "\"a-gzip\"");
        for none in ["", "\"", "abc", "\"abc", "W/", "\"a\"b\"", "w/\"a\""] {
            assert_eq!(text(coded(none.as_bytes(), Brotli)), None, "{none}");
            assert_eq!(text(weak(none.as_bytes())), None, "{none}");
        }
        for none in ["\"abc\"", "\"br\"", "\"abc-BR\"", "abc-br"] {
            assert_eq!(text(plain_of(none.as_bytes())), None, "{none}");
        }
    }

    #[test]
    fn others_have_weak_ones() {
        assert_eq!(text(weak(b"\"abc\"")).unwrap(), "W/\"abc\"");
        assert_eq!(text(weak(b"W/\"abc\"")).unwrap(), "W/\"abc\"");
    }
}
