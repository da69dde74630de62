//! Paths in one normal form, so that what is routed is what is forwarded.

use crate::fault::{Fault, Reason};
use crate::syntax::UNRESERVED;

/// What [`normalise`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normal {
    /// The path is in normal form already; the scratch buffer has no meaning.
    Same,
    /// The normal form is in the scratch buffer.
    Changed,
}

/// Brings a path into normal form (RFC 3986 section 6.2.2): escapes of unreserved characters are
/// decoded, other escapes are written in upper case, dot segments are removed, and with
/// `merge_slashes` so are empty segments except a last one. `%2F` stays escaped. The result starts
/// with `/`; `*` is left alone and an empty path becomes `/`.
///
/// # Errors
/// [`Reason::BadPath`] for a malformed escape, a NUL, a path that climbs above its root, and dot
/// segments that would appear only when a server decodes `%2F` or `%5C` or cuts off `;parameters`:
/// `/a/..%2Fb`, `/a/..;/b`.
pub fn normalise(path: &[u8], scratch: &mut Vec<u8>, merge_slashes: bool) -> Result<Normal, Fault> {
    if path == b"*" || is_normal(path, merge_slashes) {
        return Ok(Normal::Same);
    }
    scratch.clear();
    let relative = match path {
        [] => path,
        [b'/', relative @ ..] => relative,
        _ => return Err(Reason::BadPath.into()),
    };
    let mut segments = relative.split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        push_segment(segment, is_last, merge_slashes, scratch)?;
    }
    Ok(if scratch == path {
        Normal::Same
    } else {
        Normal::Changed
    })
}

/// True if there is plainly nothing to do. False says nothing.
fn is_normal(path: &[u8], merge_slashes: bool) -> bool {
    let mut before = 0;
    for byte in path {
        let odd = match byte {
            b'%' | b'\\' | 0 => true,
            b'.' => before == b'/',
            b'/' => before == b'/' && merge_slashes,
            _ => false,
        };
        if odd {
            return false;
        }
        before = *byte;
    }
    path.first() == Some(&b'/')
}

/// Appends a slash and a segment to `out`, or does what a dot segment asks for.
fn push_segment(
    segment: &[u8],
    is_last: bool,
    merge_slashes: bool,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let start = out.len();
    out.push(b'/');
    decode(segment, out)?;
    match &out[start + 1..] {
        b"" if merge_slashes && !is_last => out.truncate(start),
        b"." => out.truncate(start + usize::from(is_last)),
        b".." => {
            out.truncate(start);
            let parent = out
                .iter()
                .rposition(|b| *b == b'/')
                .ok_or(Reason::BadPath)?;
            out.truncate(parent + usize::from(is_last));
        }
        decoded if hides_dots(decoded) => return Err(Reason::BadPath),
        _ => {}
    }
    Ok(())
}

/// Appends a segment with its escapes in normal form.
fn decode(segment: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut rest = segment;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let byte = hex(*high)? << 4 | hex(*low)?;
                push_escaped(byte, out)?;
                rest = tail;
            }
            (b'%' | 0, _) => return Err(Reason::BadPath),
            (byte, _) => out.push(byte),
        }
    }
    Ok(())
}

/// Appends a byte that was escaped, as itself if the escape was needless.
fn push_escaped(byte: u8, out: &mut Vec<u8>) -> Result<(), Reason> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte == 0 {
        return Err(Reason::BadPath);
    }
    if UNRESERVED.has(byte) {
        out.push(byte);
    } else {
        let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
        out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
    }
    Ok(())
}

fn hex(digit: u8) -> Result<u8, Reason> {
    let value = (digit as char).to_digit(16).ok_or(Reason::BadPath)?;
    Ok(value as u8)
}

/// True if a part of the segment becomes a dot segment for a server that takes an escaped slash or
/// a backslash for a separator, or that drops `;parameters`.
fn hides_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    loop {
        let len = separator(rest);
        let part = &rest[..len.unwrap_or(rest.len())];
        let name = part.split(|b| *b == b';').next().unwrap_or_default();
        if matches!(name, b"." | b"..") {
            return true;
        }
        match len {
            Some(len) if rest[len] == b'%' => rest = &rest[len + 3..],
            Some(len) => rest = &rest[len + 1..],
            None => return false,
        }
    }
}

/// Offset of the first thing that some servers take for a slash. Escapes are in upper case here.
fn separator(text: &[u8]) -> Option<usize> {
    let escaped = |at: usize| matches!(text.get(at..at + 3), Some(b"%2F" | b"%5C"));
    (0..text.len()).find(|at| text[*at] == b'\\' || escaped(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &str, merge_slashes: bool) -> Result<String, Reason> {
        let mut scratch = b"left over".to_vec();
        let normal = normalise(path.as_bytes(), &mut scratch, merge_slashes);
        match normal.map_err(|fault| fault.reason)? {
            Normal::Same => Ok(path.to_owned()),
            Normal::Changed => {
                assert_ne!(scratch, path.as_bytes(), "not changed");
                Ok(String::from_utf8(scratch).unwrap())
            }
        }
    }

    #[test]
    fn table() {
        let table = [
            ("/", "/"),
            ("*", "*"),
            ("", "/"),
            ("/a.b/c..d/...", "/a.b/c..d/..."),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/a/..", "/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/%61%7E%5f", "/a~_"),
            ("/%2f%c3%a4", "/%2F%C3%A4"),
            ("/%2F", "/%2F"),
            ("/%252e%252e/a", "/%252e%252e/a"),
            ("/.hidden", "/.hidden"),
            ("/a//b", "/a/b"),
            ("//", "/"),
            ("///a//", "/a/"),
            ("/a//../b", "/b"),
            ("/a;b/c;d=e", "/a;b/c;d=e"),
        ];
        for (path, want) in table {
            assert_eq!(run(path, true).as_deref(), Ok(want), "{path}");
        }
    }

    #[test]
    fn slashes_kept() {
        for (path, want) in [
            ("/a//b", "/a//b"),
            ("//", "//"),
            ("/a//../b", "/a/b"),
            ("/./", "/"),
        ] {
            assert_eq!(run(path, false).as_deref(), Ok(want), "{path}");
        }
    }

    #[test]
    fn refusals() {
        let bad = [
            "/..",
            "/../a",
            "/a/../..",
            "/%2e%2e",
            "/a/../../b",
            "/%",
            "/%4",
            "/%zz",
            "/a%0",
            "/%00",
            "/\0",
            "a",
            "/a/..%2Fb",
            "/a%2f..",
            "/a/%2e%2e%5cb",
            "/..;/a",
            "/a/.;x/b",
            "/a/..;%2fb",
            "/a\\..\\b",
        ];
        for path in bad {
            assert_eq!(run(path, true), Err(Reason::BadPath), "{path}");
            assert_eq!(run(path, false), Err(Reason::BadPath), "{path}");
        }
    }
}
