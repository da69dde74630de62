//! Counts of seconds that directives give (RFC 9111 section 1.2.2).

/// What any greater count is taken for.
const MOST: u32 = 1 << 31;

/// What a directive says of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seconds {
    /// Nothing: it was not sent.
    #[default]
    Absent,
    /// It was sent, and is no number.
    Invalid,
    /// So many, at most 2³¹.
    Of(u32),
}

impl Seconds {
    /// The count in a plain decimal number; any other text is [`Seconds::Invalid`].
    pub(crate) fn parse(text: &[u8]) -> Self {
        if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            return Self::Invalid;
        }
        let add = |sum: u32, digit: &u8| {
            let sum = sum.saturating_mul(10);
            sum.saturating_add(u32::from(digit - b'0')).min(MOST)
        };
        Self::Of(text.iter().fold(0, add))
    }

    /// A count, at most 2³¹.
    pub(crate) fn of(seconds: u64) -> Self {
        Self::Of(u32::try_from(seconds).unwrap_or(MOST).min(MOST))
    }

    /// Takes a directive's value, unless one was taken before: the first of several counts (RFC 9111 section
    /// 4.2.1).
    pub(crate) fn take_first(&mut self, value: Self) {
        if *self == Self::Absent {
            *self = value;
        }
    }

    /// The count, where an invalid one counts as `invalid`; nothing where none was sent.
    #[must_use]
    pub fn with_invalid_as(self, invalid: u32) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Invalid => Some(invalid),
            Self::Of(seconds) => Some(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_only() {
        for (text, want) in [
            ("0", Seconds::Of(0)),
            ("0060", Seconds::Of(60)),
            ("2147483647", Seconds::Of(MOST - 1)),
            ("2147483648", Seconds::Of(MOST)),
            ("99999999999999999999", Seconds::Of(MOST)),
            ("", Seconds::Invalid),
            ("-1", Seconds::Invalid),
            ("+1", Seconds::Invalid),
            ("1.5", Seconds::Invalid),
            ("1 ", Seconds::Invalid),
            ("'60'", Seconds::Invalid),
        ] {
            assert_eq!(Seconds::parse(text.as_bytes()), want, "{text:?}");
        }
    }
}
