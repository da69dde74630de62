//! A record in Apache's combined form, with our own fields after it.

use super::{
    Part, Record,
    line::Line,
    record::{millis, version_text},
    time::Civil,
};
use std::fmt::Write;

/// Appends the record to `out` as one line: Apache's combined form, then `key=value` pairs for what that form lacks.
/// What is not known is `-`. Hostile bytes are escaped as Apache escapes them (`\xhh`, `\n`, `\"`), so that a line
/// stays a line and a quoted text stays one field.
pub fn format_combined(record: &Record, out: &mut Vec<u8>) {
    let _ = match record.client {
        Some(client) => write!(Line(out), "{client}"),
        None => write!(Line(out), "-"),
    };
    let t = Civil::of(record.time);
    let _ = write!(
        Line(out),
        " - - [{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000] \"",
        t.day,
        t.month_name(),
        t.year,
        t.hour,
        t.minute,
        t.second
    );
    escape_or_dash(record.get(Part::Method), out);
    out.push(b' ');
    escape_or_dash(record.get(Part::Target), out);
    let _ = write!(
        Line(out),
        " {}\" {} {}",
        version_text(record.version),
        record.status,
        record.bytes_out
    );
    quoted(b" ", record.get(Part::Referer), out);
    quoted(b" ", record.get(Part::UserAgent), out);
    extras(record, out);
    out.push(b'\n');
}

/// What Apache's form has no place for.
fn extras(record: &Record, out: &mut Vec<u8>) {
    quoted(b" id=", record.get(Part::RequestId), out);
    quoted(b" host=", record.get(Part::Host), out);
    quoted(b" route=", record.get(Part::Route), out);
    quoted(b" upstream=", record.get(Part::Upstream), out);
    quoted(b" server=", record.get(Part::Server), out);
    let _ = write!(
        Line(out),
        " received={} ms={}",
        record.bytes_in,
        millis(record.duration)
    );
    for (name, took) in record.stations.walked() {
        let _ = write!(Line(out), " {name}_ms={}", millis(took));
    }
    let reason = record.reason.map_or("-", |reason| reason.word());
    let _ = write!(Line(out), " retries={} reason={reason}", record.retries);
}

fn quoted(before: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.push(b'"');
    escape_or_dash(text, out);
    out.push(b'"');
}

fn escape_or_dash(text: &[u8], out: &mut Vec<u8>) {
    if text.is_empty() {
        out.push(b'-');
    }
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b' '..=b'~' => out.push(byte),
            byte => {
                let _ = write!(Line(out), "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Stations;
    use proptest::prelude::*;
    use ringfence_http::{Reason, Version};
    use std::time::Duration;

    #[test]
    fn a_full_record() {
        let mut record = Record::new(Duration::from_secs(951_782_400), 128);
        record.client = Some("2001:db8::1".parse().unwrap());
        record.version = Version::Http10;
        record.status = 404;
        record.bytes_out = 9;
        record.reason = Some(Reason::NoRoute);
        record.stations = Stations {
            head: Some(Duration::from_micros(5)),
            ..Stations::default()
        };
        record.set(Part::Method, b"GET");
        record.set(Part::Target, b"/\"\xff\n");
        record.set(Part::UserAgent, b"curl/8 \\");
        record.set(Part::RequestId, b"r-1");
        let mut out = Vec::new();
        format_combined(&record, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"2001:db8::1 - - [29/Feb/2000:00:00:00 +0000] "GET /\"\xff\n HTTP/1.0" 404 9 "-" "curl/8 \\" "#,
                r#"id="r-1" host="-" route="-" upstream="-" server="-" received=0 ms=0.000 head_ms=0.005 "#,
                "retries=0 reason=no_route\n"
            )
        );
    }

    proptest! {
        #[test]
        fn any_bytes_stay_on_one_printable_line(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut record = Record::new(Duration::ZERO, 0);
            record.set(Part::Referer, &bytes);
            let mut out = Vec::new();
            format_combined(&record, &mut out);
            let line = &out[..out.len() - 1];
            prop_assert!(line.iter().all(|b| (b' '..=b'~').contains(b)));
        }
    }
}
