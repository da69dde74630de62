//! A response head.

use super::text::{self, Field, Framing};
use super::{Answer, Limits};

/// What a response head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// Minor version.
    pub(crate) minor: u8,
    /// Status code.
    pub(crate) status: u16,
    /// Reason phrase.
    pub(crate) reason: Vec<u8>,
    /// All fields.
    pub(crate) fields: Vec<Field>,
    /// Body delimitation.
    pub(crate) framing: Framing,
    /// Whether the connection is kept.
    pub(crate) keep_alive: bool,
}

/// Reads the response head at the start of `bytes`; `method` is that of the request.
pub(crate) fn parse(bytes: &[u8], limits: Limits, method: &[u8]) -> Answer<Response> {
    let Some((lines, len)) = text::section(bytes) else {
        return Answer::Partial;
    };
    match lines {
        Ok(lines) if len <= limits.head => {
            Answer::whole_or_refused(head(&lines, limits, method), len)
        }
        _ => Answer::Refused,
    }
}

fn head(lines: &[Vec<u8>], limits: Limits, method: &[u8]) -> Option<Response> {
    let (first, rest) = lines.split_first()?;
    if first.len() > limits.line || rest.len() > limits.fields {
        return None;
    }
    let minor = match first.get(..9)? {
        b"HTTP/1.0 " => 0,
        b"HTTP/1.1 " => 1,
        _ => return None,
    };
    let digits = String::from_utf8(first.get(9..12)?.to_vec()).ok()?;
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let status: u16 = digits.parse().ok()?;
    let reason = match &first[12..] {
        [] => &[],
        [b' ', reason @ ..] => reason,
        _ => return None,
    };
    if !(100..=599).contains(&status) || !reason.iter().all(|b| text::is_text(*b)) {
        return None;
    }
    let fields: Vec<Field> = rest.iter().map(|l| text::field(l)).collect::<Option<_>>()?;
    let said = text::framing(&fields, minor).ok()?;
    let promises = !matches!(said, None | Some(Framing::Length(0)));
    if status < 200 && promises {
        return None;
    }
    let without = method == b"HEAD" || status < 200 || status == 204 || status == 304;
    let framing = match said {
        _ if without => Framing::None,
        _ if method == b"CONNECT" && status < 300 => Framing::None,
        Some(said) => said,
        None => Framing::UntilClose,
    };
    Some(Response {
        minor,
        status,
        reason: reason.to_vec(),
        framing,
        keep_alive: text::keep_alive(&fields, minor)
            && framing != Framing::UntilClose
            && !(status == 204 && promises),
        fields,
    })
}
