//! How far a head that arrives in pieces has been looked at.

use crate::fault::Reason;
use crate::message::HeadLimits;

/// Remembers how many bytes of a partial head have been searched for its empty line, so that a head that arrives
/// byte by byte costs linear time, and refuses it as soon as a limit or a line end is broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    seen: usize,
    lines: usize,
}

impl Progress {
    /// True if this head was presented before and was partial then.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.seen > 0
    }

    /// Looks at the bytes that are new in `window`, which starts at the first line; true once the empty line is there.
    pub(super) fn advance(&mut self, window: &[u8], limits: &HeadLimits) -> Result<bool, Reason> {
        if window.len() < self.seen {
            *self = Self::default();
        }
        for at in self.seen..window.len() {
            if window[at] == b'\n' && self.end_line(&window[..=at], limits)? {
                return Ok(true);
            }
        }
        self.seen = window.len();
        // The longest allowed line and its CRLF would be complete by now.
        if self.lines == 0 && window.len() >= limits.max_line.saturating_add(2) {
            return Err(Reason::LineTooLong);
        }
        Ok(false)
    }

    /// Judges the line that ends with the last byte of `text`; true if it is the empty one.
    fn end_line(&mut self, text: &[u8], limits: &HeadLimits) -> Result<bool, Reason> {
        if !text.ends_with(b"\r\n") {
            return Err(Reason::BareLineFeed);
        }
        if self.lines == 0 && text.len() > limits.max_line.saturating_add(2) {
            return Err(Reason::LineTooLong);
        }
        if text.ends_with(b"\r\n\r\n") {
            return Ok(true);
        }
        self.lines += 1;
        // The first line is not a field.
        if self.lines > limits.max_fields.min(HeadLimits::MOST_FIELDS) + 1 {
            return Err(Reason::TooManyFields);
        }
        Ok(false)
    }
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

    fn feed(text: &[u8]) -> Result<bool, Reason> {
        let mut progress = Progress::default();
        let mut last = Ok(false);
        for end in 1..=text.len() {
            last = progress.advance(&text[..end], &LIMITS);
            if last != Ok(false) {
                assert_eq!(end, text.len(), "answered before the last byte");
            }
        }
        last
    }

    #[test]
    fn finds_the_empty_line() {
        assert_eq!(feed(b"abcd\r\ne\r\nf\r\n\r\n"), Ok(true));
        assert_eq!(feed(b"abcd\r\ne\r\nf\r\n\r"), Ok(false));
    }

    #[test]
    fn refuses_early() {
        assert_eq!(feed(b"abcdef"), Err(Reason::LineTooLong));
        assert_eq!(feed(b"a\n"), Err(Reason::BareLineFeed));
        assert_eq!(feed(b"a\r\nb\r\nc\r\nd\r\n"), Err(Reason::TooManyFields));
    }

    #[test]
    fn one_long_first_line_in_one_piece() {
        let mut progress = Progress::default();
        let answer = progress.advance(b"abcde\r\nx", &LIMITS);
        assert_eq!(answer, Err(Reason::LineTooLong));
    }

    #[test]
    fn a_shorter_buffer_starts_anew() {
        let mut progress = Progress::default();
        assert_eq!(progress.advance(b"ab\r\ncd\r\n", &LIMITS), Ok(false));
        assert_eq!(progress.advance(b"a\r\n\r\n", &LIMITS), Ok(true));
    }
}
