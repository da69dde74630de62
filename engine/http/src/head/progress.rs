//! How far a head that arrives in pieces has been looked at.

use super::diagnose;
use crate::fault::Reason;
use crate::message::HeadLimits;

/// Bytes that a buffer is recognised by.
const LAST: usize = 8;

/// Remembers how far a partial head has been read, so that one that arrives byte by byte costs
/// linear time.
///
/// A head is parsed when it is first presented, when its first line is complete, and when its empty
/// line is there. In between, each line is judged once, so that a head is refused as soon as a line
/// or a limit is broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    seen: usize,
    /// The last bytes seen, to tell a buffer that is not the old one grown.
    last: [u8; LAST],
    line_start: usize,
    lines: usize,
}

impl Progress {
    /// True if this head was presented before and was partial then.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.seen > 0
    }

    /// Looks at the bytes that are new in `window`, which starts at the first line; true if it
    /// should be parsed now.
    pub(super) fn advance(&mut self, window: &[u8], limits: &HeadLimits) -> Result<bool, Reason> {
        if !self.continues_in(window) {
            *self = Self::default();
        }
        let had_first_line = self.lines > 0;
        for at in self.seen..window.len() {
            if window[at] == b'\n' && self.end_line(&window[self.line_start..at], limits)? {
                return Ok(true);
            }
        }
        self.seen = window.len();
        self.last = last_bytes(window);
        // The longest allowed line and its CRLF would be complete by now.
        if self.lines == 0 && window.len() >= limits.max_line.saturating_add(2) {
            return Err(Reason::LineTooLong);
        }
        Ok(!had_first_line && self.lines > 0)
    }

    /// False if `window` is plainly not what was seen before with more behind it.
    fn continues_in(&self, window: &[u8]) -> bool {
        let seen = window.get(..self.seen);
        seen.is_some_and(|seen| last_bytes(seen) == self.last)
    }

    /// Judges a line, given without its LF; true if it is the empty one.
    fn end_line(&mut self, line: &[u8], limits: &HeadLimits) -> Result<bool, Reason> {
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(Reason::BareLineFeed);
        };
        self.line_start += line.len() + 2;
        self.lines += 1;
        if self.lines == 1 {
            return match line.len() {
                len if len > limits.max_line => Err(Reason::LineTooLong),
                _ => Ok(false),
            };
        }
        if line.is_empty() {
            return Ok(true);
        }
        // The first line is not a field.
        if self.lines > limits.max_fields.min(HeadLimits::MOST_FIELDS) + 1 {
            return Err(Reason::TooManyFields);
        }
        diagnose::field_line(line).map_or(Ok(false), Err)
    }
}

/// The last bytes of a text, behind zeros if it is shorter.
fn last_bytes(text: &[u8]) -> [u8; LAST] {
    let mut last = [0; LAST];
    let len = text.len().min(LAST);
    last[LAST - len..].copy_from_slice(&text[text.len() - len..]);
    last
}

/// What to say of an incomplete head: more, unless it fills the limit already.
pub(super) fn partial(buf: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reason> {
    if buf.len() >= limits.max_head {
        return Err(Reason::HeadTooLarge);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        max_line: 4,
        max_head: 100,
        max_fields: 2,
    };

    /// Presents `text` byte by byte; the last answer, which must be the first that is not
    /// `Ok(false)`, but for that at the end of the first line.
    fn feed(text: &[u8]) -> Result<bool, Reason> {
        let mut progress = Progress::default();
        let first_line = text.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let mut last = Ok(false);
        for end in 1..=text.len() {
            last = progress.advance(&text[..end], &LIMITS);
            if end < text.len() {
                assert_eq!(last, Ok(Some(end) == first_line), "at {end}");
            }
        }
        last
    }

    #[test]
    fn finds_the_empty_line() {
        assert_eq!(feed(b"abcd\r\ne:\r\nf:\r\n\r\n"), Ok(true));
        assert_eq!(feed(b"abcd\r\ne:\r\nf:\r\n\r"), Ok(false));
        assert_eq!(feed(b"abcd\r\n\r\n"), Ok(true));
    }

    #[test]
    fn refuses_early() {
        assert_eq!(feed(b"abcdef"), Err(Reason::LineTooLong));
        assert_eq!(feed(b"a\n"), Err(Reason::BareLineFeed));
        assert_eq!(feed(b"a\r\nb:\n"), Err(Reason::BareLineFeed));
        assert_eq!(feed(b"a\r\nb :\r\n"), Err(Reason::SpaceBeforeColon));
        assert_eq!(feed(b"a\r\nb:\r\n c\r\n"), Err(Reason::ObsFold));
        assert_eq!(feed(b"a\r\nb:\r\nc:\r\nd:\r\n"), Err(Reason::TooManyFields));
    }

    #[test]
    fn one_long_first_line_in_one_piece() {
        let mut progress = Progress::default();
        let answer = progress.advance(b"abcde\r\nx", &LIMITS);
        assert_eq!(answer, Err(Reason::LineTooLong));
    }

    #[test]
    fn another_buffer_starts_anew() {
        let mut progress = Progress::default();
        assert_eq!(progress.advance(b"ab\r\ncd:\r\n", &LIMITS), Ok(true));
        assert_eq!(progress.advance(b"a\r\n\r\n", &LIMITS), Ok(true));
        let mut progress = Progress::default();
        assert_eq!(progress.advance(b"ab\r\ncd:\r\ne", &LIMITS), Ok(true));
        assert_eq!(
            progress.advance(b"a\r\nb: x\r\nc\n", &LIMITS),
            Err(Reason::BareLineFeed)
        );
    }
}
