//! A small strict reader of HTTP/1.1 responses (RFC 9112): what a picky client would accept.
//! Anything that the RFC does not allow a server to send is an error, never a shrug.

use std::io;
use std::time::Instant;

use crate::wire::Wire;

/// One response, read whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The field lines in the order in which they came; names as they were spelt.
    pub fields: Vec<(String, String)>,
    /// The decoded content.
    pub body: Vec<u8>,
    /// Trailer fields of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Whether the end of the connection delimited the body.
    pub until_close: bool,
}

/// Why a response could not be read.
#[derive(Debug)]
pub enum Wrong {
    /// The socket failed: reset, closed early, or too slow.
    Io(io::Error),
    /// The bytes break the protocol.
    Protocol(String),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        Wrong::Io(error)
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wrong::Io(error) => write!(f, "socket: {error}"),
            Wrong::Protocol(what) => write!(f, "protocol: {what}"),
        }
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Protocol(what.into()))
}

impl Response {
    /// Reads one response. `to_head` says that it answers a HEAD request, so has no content.
    pub fn read(wire: &mut Wire, to_head: bool, until: Instant) -> Result<Response, Wrong> {
        let head = wire.take_through(b"\r\n\r\n", until)?;
        let mut response = parse_head(&head)?;
        let bodiless = to_head || matches!(response.status, 100..=199 | 204 | 304);
        match response.framing()? {
            Framing::Chunked if !bodiless => read_chunked(wire, &mut response, until)?,
            Framing::Length(length) if !bodiless => response.body = wire.take(length, until)?,
            Framing::Close if !bodiless => {
                response.until_close = true;
                response.body = wire.take_to_end(until)?;
            }
            _ => {}
        }
        Ok(response)
    }

    /// The value of the only field of that name; panics when it came more than once.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came more than once: {all:?}");
        all.first().copied()
    }

    /// The values of every field of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The content as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server said that it would close the connection after this response.
    pub fn closes(&self) -> bool {
        self.all("connection")
            .iter()
            .any(|value| value.to_ascii_lowercase().contains("close"))
    }

    /// Which origin of the harness made this response.
    #[track_caller]
    pub fn origin(&self) -> &str {
        self.field("x-origin").unwrap_or("no origin")
    }

    /// Panics unless the status is `status`; returns itself for more questions.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(
            self.status,
            status,
            "answer: {:?} {}",
            self.fields,
            self.text()
        );
        self
    }

    fn framing(&self) -> Result<Framing, Wrong> {
        let codings = self.all("transfer-encoding");
        let lengths = self.all("content-length");
        if !codings.is_empty() && !lengths.is_empty() {
            return wrong("both Transfer-Encoding and Content-Length");
        }
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Ok(Framing::Close),
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([], [length]) if length.bytes().all(|b| b.is_ascii_digit()) => length
                .parse()
                .map(Framing::Length)
                .or_else(|_| wrong("length out of range")),
            _ => wrong(format!("framing: {codings:?} {lengths:?}")),
        }
    }
}

enum Framing {
    Length(usize),
    Chunked,
    Close,
}

fn parse_head(head: &[u8]) -> Result<Response, Wrong> {
    let Ok(text) = std::str::from_utf8(head) else {
        return wrong("head is not UTF-8");
    };
    let mut lines = text[..text.len() - 4].split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = match status_line.strip_prefix("HTTP/1.1 ") {
        Some(rest) if rest.len() >= 4 && rest.as_bytes()[3] == b' ' => rest[..3].parse(),
        _ => return wrong(format!("status line {status_line:?}")),
    };
    let Ok(status @ 100..=599) = status else {
        return wrong(format!("status line {status_line:?}"));
    };
    let fields = lines.map(parse_field).collect::<Result<_, _>>()?;
    Ok(Response {
        status,
        fields,
        body: Vec::new(),
        trailers: Vec::new(),
        until_close: false,
    })
}

fn parse_field(line: &str) -> Result<(String, String), Wrong> {
    let Some((name, value)) = line.split_once(':') else {
        return wrong(format!("field line {line:?}"));
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return wrong(format!("field name {name:?}"));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
        return wrong(format!("field value {value:?}"));
    }
    Ok((name.to_string(), value.to_string()))
}

fn read_chunked(wire: &mut Wire, response: &mut Response, until: Instant) -> Result<(), Wrong> {
    loop {
        let line = wire.take_through(b"\r\n", until)?;
        let digits = &line[..line.len() - 2];
        let size = std::str::from_utf8(digits)
            .ok()
            .filter(|d| !d.is_empty() && d.len() < 9);
        let size = size.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(size) = size.and_then(|d| usize::from_str_radix(d, 16).ok()) else {
            return wrong(format!("chunk size {:?}", String::from_utf8_lossy(digits)));
        };
        if size == 0 {
            break;
        }
        response.body.extend(wire.take(size, until)?);
        if wire.take(2, until)? != b"\r\n" {
            return wrong("chunk data is not followed by CRLF");
        }
    }
    loop {
        let line = wire.take_through(b"\r\n", until)?;
        let Ok(line) = std::str::from_utf8(&line[..line.len() - 2]) else {
            return wrong("trailer is not UTF-8");
        };
        if line.is_empty() {
            return Ok(());
        }
        response.trailers.push(parse_field(line)?);
    }
}
