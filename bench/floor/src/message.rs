//! Where messages end: the end of the head, and `Content-Length` bytes after it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";
/// Finds it.
static FIND_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(END));
/// The only field that is looked for.
const LENGTH: &[u8] = b"content-length:";

/// Follows one direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// A head that has come in pieces; empty in all but rare cases.
    piece: Vec<u8>,
    /// Bytes of the body that are still to come, once the head is over.
    left: Option<u64>,
}

impl Messages {
    /// Makes ready for another connection.
    pub(crate) fn clear(&mut self) {
        self.piece.clear();
        self.left = None;
    }

    /// Takes the next bytes; says whether a message ends with them. What follows an end in the same bytes is not
    /// looked at: no client here sends a request before it has the last answer.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        let left = match self.left {
            Some(left) => left.saturating_sub(bytes.len() as u64),
            None => match self.head(bytes) {
                Some(left) => left,
                None => return false,
            },
        };
        self.left = (left > 0).then_some(left);
        left == 0
    }

    /// Takes bytes of a head; says how many bytes of its body are missing once it is whole.
    fn head(&mut self, bytes: &[u8]) -> Option<u64> {
        if !self.piece.is_empty() {
            self.piece.extend_from_slice(bytes);
            let missing = missing(&self.piece)?;
            self.piece.clear();
            return Some(missing);
        }
        let missing = missing(bytes);
        if missing.is_none() {
            self.piece.extend_from_slice(bytes);
        }
        missing
    }
}

/// How many bytes of the body `bytes` lacks; `None` while the head is not whole.
fn missing(bytes: &[u8]) -> Option<u64> {
    let head = FIND_END.find(bytes)? + END.len();
    let body = (bytes.len() - head) as u64;
    Some(content_length(&bytes[..head]).saturating_sub(body))
}

/// The length that a head announces; 0 where it announces none.
fn content_length(head: &[u8]) -> u64 {
    let mut line = 0;
    while let Some(length) = memchr::memchr(b'\n', &head[line..]) {
        if let Some(name) = head[line..line + length].get(..LENGTH.len())
            && name.eq_ignore_ascii_case(LENGTH)
        {
            let value = head[line + LENGTH.len()..line + length].trim_ascii();
            return std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
        }
        line += length + 1;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_without_a_body() {
        let mut messages = Messages::default();
        assert!(messages.take(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(messages.take(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    #[test]
    fn a_body_in_any_pieces() {
        let whole = b"HTTP/1.1 200 OK\r\nCONTENT-length:  5 \r\nA: b\r\n\r\nhello";
        for cut in 1..whole.len() {
            let mut messages = Messages::default();
            assert!(!messages.take(&whole[..cut]), "{cut}");
            assert!(messages.take(&whole[cut..]), "{cut}");
        }
        let mut messages = Messages::default();
        let ends = whole
            .iter()
            .map(|byte| messages.take(&[*byte]))
            .filter(|end| *end)
            .count();
        assert_eq!(ends, 1);
    }

    #[test]
    fn clearing_forgets_a_message_cut_short() {
        let mut messages = Messages::default();
        assert!(!messages.take(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"));
        messages.clear();
        assert!(messages.take(b"GET / HTTP/1.1\r\n\r\n"));
    }
}
