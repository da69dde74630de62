//! The head of a syslog message (RFC 3164 section 4.1).

use super::{line::Line, time::Civil};
use std::{fmt::Write, time::Duration};

/// Facility local7, severity informational: what web servers log their accesses with.
const PRIORITY: u8 = 23 * 8 + 6;

/// Appends the head of a message to `out`: priority, time (UTC), the host's name where the message leaves the host,
/// and our tag with the process id. The message's text follows.
pub fn format_syslog_head(time: Duration, host: Option<&str>, process: u32, out: &mut Vec<u8>) {
    let t = Civil::of(time);
    let _ = write!(
        Line(out),
        "<{PRIORITY}>{} {:>2} {:02}:{:02}:{:02} ",
        t.month_name(),
        t.day,
        t.hour,
        t.minute,
        t.second
    );
    if let Some(host) = host {
        let _ = write!(Line(out), "{host} ");
    }
    let _ = write!(Line(out), "ringfence[{process}]: ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_a_host() {
        let mut out = Vec::new();
        format_syslog_head(
            Duration::from_secs(951_868_800),
            Some("edge-1"),
            7,
            &mut out,
        );
        format_syslog_head(Duration::from_secs(951_782_400), None, 7, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<190>Mar  1 00:00:00 edge-1 ringfence[7]: <190>Feb 29 00:00:00 ringfence[7]: "
        );
    }
}
