//! A request head.

use super::text::{self, Field, Framing};
use super::{Answer, Limits};

/// What a request head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Method token.
    pub(crate) method: Vec<u8>,
    /// Path, as sent.
    pub(crate) path: Vec<u8>,
    /// Query, as sent.
    pub(crate) query: Option<Vec<u8>>,
    /// Effective authority.
    pub(crate) authority: Vec<u8>,
    /// Minor version.
    pub(crate) minor: u8,
    /// All fields.
    pub(crate) fields: Vec<Field>,
    /// Body delimitation.
    pub(crate) framing: Framing,
    /// Whether to keep the connection.
    pub(crate) keep_alive: bool,
    /// Whether the client waits for a 100.
    pub(crate) expect_continue: bool,
}

/// Reads the request head at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8], limits: Limits) -> Answer<Request> {
    let mut skipped = 0;
    while skipped < 8 && bytes[skipped..].starts_with(b"\r\n") {
        skipped += 2;
    }
    let rest = &bytes[skipped..];
    if rest.starts_with(b"\n") || (rest.starts_with(b"\r") && rest.len() > 1) {
        return Answer::Refused;
    }
    let Some((lines, len)) = text::section(rest) else {
        return Answer::Partial;
    };
    let len = skipped + len;
    match lines {
        Ok(lines) if len <= limits.head => Answer::whole_or_refused(head(&lines, limits), len),
        _ => Answer::Refused,
    }
}

fn head(lines: &[Vec<u8>], limits: Limits) -> Option<Request> {
    let (first, rest) = lines.split_first()?;
    if first.len() > limits.line || rest.len() > limits.fields {
        return None;
    }
    let [method, target, version] = first.split(|b| *b == b' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => return None,
    };
    if !text::is_token(method) {
        return None;
    }
    let (target_authority, path, query) = split_target(method, target)?;
    let fields: Vec<Field> = rest.iter().map(|l| text::field(l)).collect::<Option<_>>()?;
    if fields.iter().any(|field| is_disguised(&field.0)) {
        return None;
    }
    let authority = effective_authority(&fields, minor, target_authority)?;
    let framing = text::framing(&fields, minor).ok()?.unwrap_or(Framing::None);
    Some(Request {
        method: method.to_vec(),
        path,
        query,
        authority,
        minor,
        framing,
        keep_alive: text::keep_alive(&fields, minor),
        expect_continue: expectation(&fields, minor)?,
        fields,
    })
}

/// Underscores that an origin may read as dashes, in fields that frame a message or say where it
/// came from.
fn is_disguised(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name).to_ascii_lowercase();
    let dashed = text.replace('_', "-");
    let sensitive = [
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-real-ip",
    ];
    text != dashed && sensitive.contains(&&dashed[..])
}

fn expectation(fields: &[Field], minor: u8) -> Option<bool> {
    let values = text::values(fields, "expect");
    let known = values
        .iter()
        .all(|v| v.eq_ignore_ascii_case(b"100-continue"));
    match minor {
        1 if !known => None,
        1 => Some(!values.is_empty()),
        _ => Some(false),
    }
}

fn effective_authority(fields: &[Field], minor: u8, target: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let hosts = text::values(fields, "host");
    let host = match &hosts[..] {
        [] if minor == 0 => Vec::new(),
        [host] if is_authority(host) => host.clone(),
        _ => return None,
    };
    Some(target.unwrap_or(host))
}

type Target = (Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>);

fn split_target(method: &[u8], target: &[u8]) -> Option<Target> {
    let text = String::from_utf8(target.to_vec()).ok()?;
    if method == b"CONNECT" {
        return None;
    }
    if text == "*" && method == b"OPTIONS" {
        return Some((None, b"*".to_vec(), None));
    }
    let (authority, rest) = if text.starts_with('/') {
        (None, text)
    } else {
        let (scheme, after) = text.split_once("://")?;
        if !["http", "https"].contains(&&scheme.to_ascii_lowercase()[..]) {
            return None;
        }
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        if !is_authority(authority.as_bytes()) {
            return None;
        }
        (Some(authority.as_bytes().to_vec()), rest.to_owned())
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&rest[..], None),
    };
    let good = is_path(path) && query.is_none_or(is_query);
    let owned = |text: &str| text.as_bytes().to_vec();
    good.then(|| (authority, owned(path), query.map(owned)))
}

fn is_pchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c)
}

fn is_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('%').collect();
    let escapes = parts[1..]
        .iter()
        .all(|part| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    escapes && path.chars().all(|c| is_pchar(c) || "%/[]|".contains(c))
}

fn is_query(query: &str) -> bool {
    query
        .chars()
        .all(|c| is_pchar(c) || "%/?[]|^`{}".contains(c))
}

/// `host[:port]`
pub(crate) fn is_authority(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else {
        return false;
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    let port_good = port.is_empty()
        || (port.len() <= 5
            && port.chars().all(|c| c.is_ascii_digit())
            && port.parse::<u16>().is_ok());
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_good = match bracketed {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
        }
    };
    port_good && host_good
}
