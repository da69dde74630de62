//! A chunked body, read whole.

use super::Answer;
use super::text::{self, Field};

/// Longest extensions on a line and in a body, as the crate has them.
const MOST_LINE_EXTENSION: usize = 256;
const MOST_BODY_EXTENSION: usize = 16 * 1024;
/// Largest trailer section without its last CRLF, and most fields in it.
const MOST_TRAILER: usize = 8 * 1024;
const MOST_TRAILER_FIELDS: usize = 64;

/// A chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunked {
    /// The data of all chunks.
    pub(crate) data: Vec<u8>,
    /// All trailer fields, also those that must not be forwarded.
    pub(crate) trailers: Vec<Field>,
}

/// Reads the chunked body at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Answer<Chunked> {
    let mut data = Vec::new();
    let mut extensions = 0;
    let mut at = 0;
    loop {
        let Some(len) = bytes[at..].iter().position(|b| *b == b'\n') else {
            return Answer::Partial;
        };
        let line = &bytes[at..at + len];
        at += len + 1;
        let Some((size, extension)) = line.strip_suffix(b"\r").and_then(size_line) else {
            return Answer::Refused;
        };
        extensions += extension;
        if extension > MOST_LINE_EXTENSION || extensions > MOST_BODY_EXTENSION {
            return Answer::Refused;
        }
        if size == 0 {
            return trailer_section(data, bytes, at);
        }
        let end = match usize::try_from(size)
            .ok()
            .and_then(|size| at.checked_add(size))
        {
            Some(end) if end <= bytes.len() => end,
            _ => return Answer::Partial,
        };
        data.extend_from_slice(&bytes[at..end]);
        match bytes[end..] {
            [] | [b'\r'] => return Answer::Partial,
            [b'\r', b'\n', ..] => at = end + 2,
            _ => return Answer::Refused,
        }
    }
}

fn trailer_section(data: Vec<u8>, bytes: &[u8], at: usize) -> Answer<Chunked> {
    let Some((lines, len)) = text::section(&bytes[at..]) else {
        return Answer::Partial;
    };
    let fields: Option<Vec<Field>> = match &lines {
        Ok(lines) => lines.iter().map(|line| text::field(line)).collect(),
        Err(()) => None,
    };
    match fields {
        Some(trailers)
            if len - 2 <= MOST_TRAILER
                && trailers.len() <= MOST_TRAILER_FIELDS
                && content_lengths_are_plain(&trailers) =>
        {
            Answer::Whole(Chunked { data, trailers }, at + len)
        }
        _ => Answer::Refused,
    }
}

/// The crate reads trailers as it reads heads, so a Content-Length there is refused when it is
/// malformed or repeated.
fn content_lengths_are_plain(trailers: &[Field]) -> bool {
    let mut lengths: Vec<Field> = trailers.to_vec();
    lengths.retain(|field| field.0.eq_ignore_ascii_case(b"content-length"));
    text::framing(&lengths, 1).is_ok()
}

/// Size, and length of the extensions; `None` if malformed.
fn size_line(line: &[u8]) -> Option<(u64, usize)> {
    let text: String = line.iter().map(|b| char::from(*b)).collect();
    let digits = text.chars().take_while(char::is_ascii_hexdigit).count();
    if !(1..=16).contains(&digits) {
        return None;
    }
    let size = u64::from_str_radix(&text[..digits], 16).ok()?;
    let extension: Vec<char> = text.chars().skip(digits).collect();
    is_extension(&extension).then_some((size, extension.len()))
}

/// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`
fn is_extension(mut text: &[char]) -> bool {
    while !text.is_empty() {
        let after_semicolon = skip_space(text).strip_prefix(&[';']);
        let Some(after_name) = after_semicolon.and_then(|t| token(skip_space(t))) else {
            return false;
        };
        text = after_name;
        if let Some(value) = skip_space(text).strip_prefix(&['=']) {
            let value = skip_space(value);
            match token(value).or_else(|| quoted(value)) {
                Some(after_value) => text = after_value,
                None => return false,
            }
        }
    }
    true
}

fn skip_space(text: &[char]) -> &[char] {
    let len = text.iter().take_while(|c| matches!(c, ' ' | '\t')).count();
    &text[len..]
}

fn token(text: &[char]) -> Option<&[char]> {
    let len = text.iter().take_while(|c| text::is_tchar(**c)).count();
    (len > 0).then(|| &text[len..])
}

fn quoted(text: &[char]) -> Option<&[char]> {
    let mut rest = text.strip_prefix(&['"'])?;
    loop {
        match rest {
            ['"', after @ ..] => return Some(after),
            ['\\', c, after @ ..] | [c, after @ ..] if text::is_text(*c as u8) => rest = after,
            _ => return None,
        }
    }
}
