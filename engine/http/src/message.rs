//! Small words that requests and responses share: method, version, framing, form, limits.

/// A request method (RFC 9110 section 9). Methods are compared with regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `PATCH` (RFC 5789)
    Patch,
    /// `CONNECT`
    Connect,
    /// Any other; the head keeps its text.
    Other,
}

impl Method {
    /// The method that a token stands for.
    #[inline]
    pub fn of(text: &[u8]) -> Method {
        match text {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"TRACE" => Method::Trace,
            b"PATCH" => Method::Patch,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// The method's token; empty for [`Method::Other`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Connect => "CONNECT",
            Method::Other => "",
        }
    }

    /// True if asking twice means the same as asking once (RFC 9110 section 9.2.2).
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Method::Put | Method::Delete)
    }

    /// True if asking changes nothing (RFC 9110 section 9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(
            self,
            Method::Get | Method::Head | Method::Options | Method::Trace
        )
    }
}

/// The version of an HTTP/1 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// The version `1.minor`; a minor above 1 is read as 1 (RFC 9110 section 2.5).
    pub(crate) const fn of_minor(minor: u8) -> Version {
        if minor == 0 {
            Version::Http10
        } else {
            Version::Http11
        }
    }
}

/// How a message's body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body, whatever the fields say.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, then a trailer section.
    Chunked,
    /// All bytes until the peer closes; only in responses.
    UntilClose,
}

/// The form of a request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://authority/path?query`
    Absolute,
    /// `*`, for OPTIONS only
    Asterisk,
}

/// Limits for one head. Every limit is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Longest request line or status line, in bytes, without its CRLF.
    pub max_line: usize,
    /// Longest head, in bytes, with every CRLF.
    pub max_head: usize,
    /// Most fields; values above [`HeadLimits::MOST_FIELDS`] mean that.
    pub max_fields: usize,
}

impl HeadLimits {
    /// The parser's own ceiling for the number of fields.
    pub const MOST_FIELDS: usize = 256;
}

impl Default for HeadLimits {
    /// 8 KiB a line, 32 KiB a head, 100 fields.
    fn default() -> Self {
        Self {
            max_line: 8 * 1024,
            max_head: 32 * 1024,
            max_fields: 100,
        }
    }
}
