//! Writing heads and chunk frames.

use crate::status::reason_phrase;
use std::fmt;

/// The last chunk and an empty trailer section (RFC 9112 section 7.1).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The CRLF that closes a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Appends one head to a buffer. Call [`HeadWriter::request_line`] or [`HeadWriter::status_line`]
/// first, then the fields, then [`HeadWriter::end`].
///
/// It writes what it is given: names and values must come from a parsed head or from validated
/// configuration.
pub struct HeadWriter<'a>(&'a mut Vec<u8>);

impl<'a> HeadWriter<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// `METHOD path[?query] HTTP/1.1`
    #[inline]
    pub fn request_line(&mut self, method_text: &[u8], path: &[u8], query: Option<&[u8]>) {
        debug_assert!(!method_text.is_empty() && !path.is_empty());
        let query_len = query.map_or(0, |query| query.len() + 1);
        self.0
            .reserve(method_text.len() + path.len() + query_len + 12);
        self.0.extend_from_slice(method_text);
        self.0.push(b' ');
        self.0.extend_from_slice(path);
        if let Some(query) = query {
            self.0.push(b'?');
            self.0.extend_from_slice(query);
        }
        self.0.extend_from_slice(b" HTTP/1.1\r\n");
    }

    /// `HTTP/1.1 status phrase`, always with our own phrase. `status` is three digits: 100 to 999.
    #[inline]
    pub fn status_line(&mut self, status: u16) {
        if status == 200 {
            self.0.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
            return;
        }
        debug_assert!((100..1000).contains(&status));
        let digit = |n: u16| b'0' + (n % 10) as u8;
        self.0.extend_from_slice(b"HTTP/1.1 ");
        self.0
            .extend_from_slice(&[digit(status / 100), digit(status / 10), digit(status), b' ']);
        self.0.extend_from_slice(reason_phrase(status).as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    /// `name: value`
    #[inline]
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(is_clean(name) && is_clean(value));
        self.0.reserve(name.len() + value.len() + 4);
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// Whole field lines, each with its CRLF, as they are.
    #[inline]
    pub fn lines(&mut self, lines: &[u8]) {
        self.0.extend_from_slice(lines);
    }

    /// Starts a composed field: `name: `. Add [`HeadWriter::value_part`]s, then
    /// [`HeadWriter::end_field`].
    #[inline]
    pub fn field_name(&mut self, name: &[u8]) {
        debug_assert!(is_clean(name));
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
    }

    /// A piece of a composed field's value.
    #[inline]
    pub fn value_part(&mut self, part: &[u8]) {
        debug_assert!(is_clean(part));
        self.0.extend_from_slice(part);
    }

    /// The buffer, so that another writer can append a piece of a composed field's value.
    #[inline]
    pub fn value_buf(&mut self) -> &mut Vec<u8> {
        self.0
    }

    /// Ends a composed field.
    #[inline]
    pub fn end_field(&mut self) {
        self.0.extend_from_slice(b"\r\n");
    }

    /// `Content-Length: length`
    #[inline]
    pub fn content_length(&mut self, length: u64) {
        self.0.extend_from_slice(b"Content-Length: ");
        write_decimal(self.0, length);
        self.0.extend_from_slice(b"\r\n");
    }

    /// `Transfer-Encoding: chunked`
    #[inline]
    pub fn chunked(&mut self) {
        self.0.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }

    /// `Connection: close`
    #[inline]
    pub fn connection_close(&mut self) {
        self.0.extend_from_slice(b"Connection: close\r\n");
    }

    /// The empty line that ends the head.
    #[inline]
    pub fn end(&mut self) {
        self.0.extend_from_slice(b"\r\n");
    }
}

/// Appends the size line of a chunk of `len` bytes. Its data and [`CHUNK_END`] must follow; `len`
/// is not zero, for that would be the last chunk: see [`LAST_CHUNK`].
#[inline]
pub fn chunk_header(out: &mut Vec<u8>, len: usize) {
    debug_assert!(len > 0);
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut rest = len;
    while at == digits.len() || rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest % 16];
        rest /= 16;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
#[inline]
pub fn write_decimal(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    write_digits(out, number);
}

fn write_digits(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Lets the formatting machinery append to a buffer.
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Our own writers never let a line break into a head.
fn is_clean(text: &[u8]) -> bool {
    !text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_head() {
        let mut out = Vec::new();
        let mut head = HeadWriter::new(&mut out);
        head.request_line(b"PURGE", b"/a", Some(b"b=c"));
        head.field(b"Host", b"example.com");
        head.field_name(b"Via");
        head.value_part(b"1.1 ");
        head.value_part(b"ringfence");
        head.end_field();
        head.content_length(u64::MAX);
        head.end();
        let want = "PURGE /a?b=c HTTP/1.1\r\nHost: example.com\r\nVia: 1.1 ringfence\r\n\
                    Content-Length: 18446744073709551615\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn a_response_head() {
        for (status, line) in [
            (200, "HTTP/1.1 200 OK"),
            (404, "HTTP/1.1 404 Not Found"),
            (599, "HTTP/1.1 599 Server Error"),
        ] {
            let mut out = Vec::new();
            let mut head = HeadWriter::new(&mut out);
            head.status_line(status);
            head.chunked();
            head.connection_close();
            head.end();
            let want = format!("{line}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 255, 4096, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for len in [1usize, 15, 16, 255, 65536, usize::MAX] {
            let mut out = Vec::new();
            chunk_header(&mut out, len);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{len:x}\r\n"));
        }
    }
}
