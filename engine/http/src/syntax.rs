//! Byte classes of RFC 9110 and RFC 3986, as bit tables, and the lists that are made of them.

/// A set of byte values.
pub struct ByteSet([bool; 256]);

impl ByteSet {
    const fn new(alphanumeric: bool, others: &[u8]) -> Self {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = alphanumeric && (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut index = 0;
        while index < others.len() {
            table[others[index] as usize] = true;
            index += 1;
        }
        Self(table)
    }

    /// Whether the byte is in it.
    #[inline]
    #[must_use]
    pub const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    #[inline]
    pub(crate) fn has_all(&self, text: &[u8]) -> bool {
        text.iter().all(|b| self.has(*b))
    }
}

/// `tchar`: what methods, field names and tokens are made of (RFC 9110 section 5.6.2).
pub(crate) static TOKEN: ByteSet = ByteSet::new(true, b"!#$%&'*+-.^_`|~");

/// What a path may hold: `pchar` and `/` (RFC 3986 section 3.3), and `[`, `]` and `|`, which
/// browsers send unescaped (WHATWG URL leaves them out of its path percent-encode set) and which no
/// parser of a path treats specially.
pub(crate) static PATH: ByteSet = ByteSet::new(true, b"-._~%!$&'()*+,;=:@/[]|");

/// What a query may hold: as for [`PATH`], and `?`, and what WHATWG URL leaves unescaped in a
/// query: ``^`{}``. A query is passed on unread, so a lone `%` is let through as well: browsers
/// send `?q=100%`.
pub(crate) static QUERY: ByteSet = ByteSet::new(true, b"-._~%!$&'()*+,;=:@/?[]|^`{}");

/// `unreserved` of RFC 3986 section 2.3: bytes whose escape means the same as the byte.
pub static UNRESERVED: ByteSet = ByteSet::new(true, b"-._~");

/// What a host name may hold here: `unreserved` only. RFC 3986 would also let escapes and
/// sub-delimiters through; no host name in use has them, and servers disagree about what they mean.
pub(crate) static HOST_NAME: ByteSet = ByteSet::new(true, b"-._~");

/// True for a byte that a field value may hold: visible, space, tab or obs-text (RFC 9110 section
/// 5.5).
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// True for a token (RFC 9110 section 5.6.2).
#[must_use]
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && TOKEN.has_all(text)
}

/// True for optional white space (RFC 9110 section 5.6.3).
#[must_use]
pub const fn is_ows(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text without optional white space at either end.
#[must_use]
pub fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_ows(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_ows(*last)
    {
        text = rest;
    }
    text
}

/// The members of a comma-separated list, trimmed, without the empty ones (RFC 9110 section
/// 5.6.1.2). Quoted strings are not understood: use it for lists of tokens only.
pub fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| *b == b',')
        .map(trim_ows)
        .filter(|member| !member.is_empty())
}

/// A plain decimal number that fits 64 bits: digits only, at least one.
#[must_use]
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in ["", "18446744073709551616", "+5", "-0", " 5", "5,5", "0x5"] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn list_without_empty_members() {
        let members: Vec<_> = list_members(b", a ,\tb,,c d,").collect();
        assert_eq!(members, [&b"a"[..], b"b", b"c d"]);
    }

    #[test]
    fn forbidden_bytes() {
        for byte in b" \"#<>\\\x00\x7f\x80\r\n" {
            assert!(!PATH.has(*byte) && !QUERY.has(*byte), "{byte}");
            assert!(!HOST_NAME.has(*byte) && !TOKEN.has(*byte) || *byte == b'#');
        }
    }
}
