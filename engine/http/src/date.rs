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

/// Seconds since 1970 of an HTTP date in any of the three forms that RFC 9110 asks recipients to
/// read; `None` if it is malformed or before 1970.
pub fn parse_http_date(text: &[u8]) -> Option<u64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
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
        assert_eq!(parse_http_date(b"120"), None);
        assert_eq!(parse_http_date(b"\xff"), None);
    }

    #[test]
    fn far_future_does_not_panic() {
        let mut out = Vec::new();
        write_http_date(u64::MAX, &mut out);
        assert_eq!(out, b"Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
