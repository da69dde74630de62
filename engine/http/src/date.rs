//! HTTP dates (RFC 9110 section 5.6.7).

use crate::write::Text;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Last second that an HTTP date can show: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// Appends the date `unix_seconds` after 1970 in IMF-fixdate form, `Sun, 06 Nov 1994 08:49:37 GMT`
/// (29 bytes). Times after the year 9999 are written as its last second.
pub fn write_http_date(unix_seconds: u64, out: &mut Vec<u8>) {
    let time = UNIX_EPOCH + Duration::from_secs(unix_seconds.min(LAST));
    let date = httpdate::HttpDate::from(time);
    write!(Text(out), "{date}").expect("a Vec takes every write");
}

/// Length of the longest date that is read, which is one with a whole day's name.
const LONGEST: usize = "Wednesday, 06-Nov-94 08:49:37 GMT".len();

/// Seconds since 1970 of an HTTP date in any of the three forms that RFC 9110 asks recipients to
/// read, in whatever case its words are; `None` if it is malformed or before 1970.
pub fn parse_http_date(text: &[u8]) -> Option<u64> {
    let mut usual = [0; LONGEST];
    let usual = usual.get_mut(..text.len())?;
    usual.copy_from_slice(text);
    spell(usual);
    let time = httpdate::parse_http_date(std::str::from_utf8(usual).ok()?).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Spells the words of a date as usual: `Sun`, `Nov`, `GMT`.
fn spell(date: &mut [u8]) {
    for word in date.split_mut(|byte| !byte.is_ascii_alphabetic()) {
        if word.eq_ignore_ascii_case(b"GMT") {
            word.make_ascii_uppercase();
        } else if let [first, rest @ ..] = word {
            first.make_ascii_uppercase();
            rest.make_ascii_lowercase();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_709_208_000, "Thu, 29 Feb 2024 12:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let mut out = Vec::new();
            write_http_date(seconds, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(parse_http_date(text.as_bytes()), Some(seconds));
        }
    }

    #[test]
    fn reads_the_obsolete_forms() {
        for text in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http_date(text.as_bytes()), Some(784_111_777));
        }
        // It was a Monday.
        assert_eq!(parse_http_date(b"Thu Aug  8 02:01:18 2050"), None);
        assert_eq!(parse_http_date(b"120"), None);
        assert_eq!(parse_http_date(b"\xff"), None);
    }

    #[test]
    fn case_means_nothing() {
        for text in [
            "SUN, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 gMT",
            "sunday, 06-NOV-94 08:49:37 GMT",
        ] {
            assert_eq!(
                parse_http_date(text.as_bytes()),
                Some(784_111_777),
                "{text}"
            );
        }
    }

    #[test]
    fn far_future_does_not_panic() {
        let mut out = Vec::new();
        write_http_date(u64::MAX, &mut out);
        assert_eq!(out, b"Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
