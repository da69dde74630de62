//! Segments of path patterns, in the form that a normalised request path has.

use ringfence_http::path::normalise;

use crate::matching::Segment;
use crate::values::wrong::{Wrong, quoted};

/// Reads one segment of the path `text`.
pub(super) fn segment(text: &str, part: &str) -> Result<Segment, Wrong> {
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
pub(super) fn literal(text: &str, part: &str) -> Result<String, Wrong> {
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

/// Some paths are refused before they are routed: those that a server could take for others (`/..%2Fa`), and NUL.
pub(super) fn check_exists(text: &str, segments: &[Segment]) -> Result<(), Wrong> {
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
