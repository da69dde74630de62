//! Reading one answer and comparing it with the right one, every byte of it.

use crate::load::fault::Fault;

/// Fields that a head may have.
const MAX_FIELDS: usize = 32;
/// Bytes that a head may have.
const MAX_HEAD: usize = 16 * 1024;

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More has to come.
    Partial,
    /// It is whole and right.
    Whole {
        /// Whether the peer said that it will close the connection.
        close: bool,
    },
}

/// The state of one answer, used again for the next.
#[derive(Debug, Default)]
pub struct Answer {
    /// A head that has come in pieces.
    piece: Vec<u8>,
    /// The head, once it is whole.
    head: Option<Head>,
    /// Bytes of the body so far.
    received: usize,
}

/// What matters of a head.
#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    close: bool,
}

impl Answer {
    /// Makes ready for the next answer.
    pub fn clear(&mut self) {
        self.piece.clear();
        self.head = None;
        self.received = 0;
    }

    /// Takes the bytes that came next, of the answer whose body must be `expect`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn take(&mut self, bytes: &[u8], expect: &[u8]) -> Result<Progress, Fault> {
        if let Some(head) = self.head {
            return self.take_body(head, bytes, expect);
        }
        if self.piece.is_empty() {
            return match parse(bytes)? {
                Some((head, length)) => self.begin(head, &bytes[length..], expect),
                None => {
                    self.piece.extend_from_slice(bytes);
                    Ok(Progress::Partial)
                }
            };
        }
        self.piece.extend_from_slice(bytes);
        let Some((head, length)) = parse(&self.piece)? else {
            return if self.piece.len() > MAX_HEAD {
                Err(Fault::BadHead)
            } else {
                Ok(Progress::Partial)
            };
        };
        let piece = std::mem::take(&mut self.piece);
        let progress = self.begin(head, &piece[length..], expect);
        self.piece = piece;
        progress
    }

    /// Judges the head and goes on with the body.
    fn begin(&mut self, head: Head, body: &[u8], expect: &[u8]) -> Result<Progress, Fault> {
        if head.length != expect.len() {
            return Err(Fault::WrongBody);
        }
        self.head = Some(head);
        self.take_body(head, body, expect)
    }

    /// Compares the next piece of the body.
    fn take_body(&mut self, head: Head, bytes: &[u8], expect: &[u8]) -> Result<Progress, Fault> {
        let end = self.received + bytes.len();
        if end > expect.len() || bytes != &expect[self.received..end] {
            return Err(Fault::WrongBody);
        }
        self.received = end;
        Ok(if end == expect.len() {
            Progress::Whole { close: head.close }
        } else {
            Progress::Partial
        })
    }
}

/// Reads a head and its length; `None` while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(status) = response.parse(bytes) else {
        return Err(Fault::BadHead);
    };
    let httparse::Status::Complete(end) = status else {
        return Ok(None);
    };
    if response.code != Some(200) {
        return Err(Fault::WrongStatus);
    }
    let mut length = None;
    let mut close = response.version == Some(0);
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(field.value)
                .ok()
                .and_then(|text| text.parse().ok());
        } else if field.name.eq_ignore_ascii_case("connection") {
            close |= field.value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = length.ok_or(Fault::BadHead)?;
    Ok(Some((Head { length, close }, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

    fn whole(bytes: &[u8]) -> Result<Progress, Fault> {
        Answer::default().take(bytes, b"hello")
    }

    #[test]
    fn a_right_answer_in_one_piece() {
        assert_eq!(whole(GOOD), Ok(Progress::Whole { close: false }));
        let closing = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(whole(closing), Ok(Progress::Whole { close: true }));
    }

    #[test]
    fn a_right_answer_cut_at_every_byte() {
        for cut in 1..GOOD.len() {
            let mut answer = Answer::default();
            assert_eq!(
                answer.take(&GOOD[..cut], b"hello"),
                Ok(Progress::Partial),
                "{cut}"
            );
            assert_eq!(
                answer.take(&GOOD[cut..], b"hello"),
                Ok(Progress::Whole { close: false }),
                "{cut}"
            );
        }
    }

    #[test]
    fn byte_by_byte_and_again() {
        let mut answer = Answer::default();
        for _ in 0..2 {
            answer.clear();
            let last = GOOD
                .iter()
                .map(|byte| answer.take(&[*byte], b"hello").unwrap())
                .last();
            assert_eq!(last, Some(Progress::Whole { close: false }));
        }
    }

    #[test]
    fn wrong_answers_are_named() {
        let cases: [(&[u8], Fault); 6] = [
            (
                b"HTTP/1.1 502 Bad\r\nContent-Length: 5\r\n\r\nhello",
                Fault::WrongStatus,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell",
                Fault::WrongBody,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhullo",
                Fault::WrongBody,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellohello",
                Fault::WrongBody,
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                Fault::BadHead,
            ),
            (b"nonsense\r\n\r\n", Fault::BadHead),
        ];
        for (bytes, fault) in cases {
            assert_eq!(
                whole(bytes),
                Err(fault),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}
