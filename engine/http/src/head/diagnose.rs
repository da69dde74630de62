//! Names the flaw after httparse has refused a head. Never on the way of a good one.

use crate::fault::Reason;
use crate::syntax::{is_ows, is_token, is_value_byte};
use httparse::Error;

/// The reason for a refused request head; `window` starts at the request line.
#[cold]
pub(super) fn request(window: &[u8], error: Error) -> Reason {
    match error {
        Error::TooManyHeaders => Reason::TooManyFields,
        Error::HeaderName | Error::HeaderValue => fields(window),
        Error::Token | Error::Version | Error::NewLine | Error::Status => request_line(window),
    }
}

/// The reason for a refused response head. All but size is one reason for an upstream, so no more
/// is looked into.
#[cold]
pub(super) fn response(error: Error) -> Reason {
    match error {
        Error::TooManyHeaders => Reason::TooManyFields,
        _ => Reason::BadVersion,
    }
}

fn request_line(window: &[u8]) -> Reason {
    let (line, end) = first_line(window);
    if end == LineEnd::Bare || line.contains(&b'\r') {
        return Reason::BareLineFeed;
    }
    let words: Vec<_> = line.split(|b| *b == b' ').collect();
    match words[..] {
        [method, ..] if !is_token(method) => Reason::BadMethod,
        [_, target, version] if !target.is_empty() && is_visible(target) => version_reason(version),
        [_, target] if !is_visible(target) => Reason::BadTarget,
        [_, target, _] if !target.is_empty() => Reason::BadTarget,
        [_] | [_, _] if end == LineEnd::Missing => Reason::BadTarget,
        // A good line whose end is followed by a fault can only have a bad section after it.
        _ => Reason::BadRequestLine,
    }
}

/// What is wrong with the third word of the request line, which is not one that we speak.
fn version_reason(version: &[u8]) -> Reason {
    match version {
        b"HTTP/1.0" | b"HTTP/1.1" => Reason::BareLineFeed,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Reason::VersionNotSupported
        }
        _ => Reason::BadVersion,
    }
}

/// The first flaw in the lines after the first.
fn fields(window: &[u8]) -> Reason {
    let (line, _) = first_line(window);
    let mut rest = window.get(line.len()..).unwrap_or_default();
    loop {
        rest = after_line_end(rest);
        if rest.is_empty() {
            return Reason::BadFieldName;
        }
        let (line, end) = first_line(rest);
        if end == LineEnd::Bare {
            return Reason::BareLineFeed;
        }
        if let Some(reason) = field_line(line) {
            return reason;
        }
        rest = &rest[line.len()..];
    }
}

/// What is wrong with one field line, if anything.
pub(super) fn field_line(line: &[u8]) -> Option<Reason> {
    if line.first().is_some_and(|b| is_ows(*b)) {
        return Some(Reason::ObsFold);
    }
    let Some(colon) = line.iter().position(|b| *b == b':') else {
        return Some(Reason::BadFieldName);
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        let bare = name.trim_ascii_end();
        let spaced = bare.len() < name.len() && is_token(bare);
        return Some(if spaced {
            Reason::SpaceBeforeColon
        } else {
            Reason::BadFieldName
        });
    }
    if value.contains(&b'\r') {
        return Some(Reason::BareLineFeed);
    }
    let clean = value.iter().all(|b| is_value_byte(*b));
    (!clean).then_some(Reason::BadFieldValue)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    CrLf,
    Bare,
    Missing,
}

/// The first line without its end, and how it ends.
fn first_line(text: &[u8]) -> (&[u8], LineEnd) {
    let Some(line_feed) = text.iter().position(|b| *b == b'\n') else {
        return (text, LineEnd::Missing);
    };
    match &text[..line_feed] {
        [line @ .., b'\r'] => (line, LineEnd::CrLf),
        line => (line, LineEnd::Bare),
    }
}

fn after_line_end(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\r\n")
        .or_else(|| text.strip_prefix(b"\n"))
        .unwrap_or_default()
}

fn is_visible(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b'!'..=b'~'))
}
