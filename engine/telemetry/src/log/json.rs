//! A record as one line of JSON (RFC 8259).

use super::{
    Part, Record,
    line::Line,
    record::{millis, version_text},
    time::Civil,
};
use std::fmt::Write;

/// Appends the record to `out` as one JSON object and a line feed. What is not known is left out; bytes that are not
/// UTF-8 become U+FFFD, control characters are escaped.
pub fn format_json(record: &Record, out: &mut Vec<u8>) {
    let t = Civil::of(record.time);
    let _ = write!(
        Line(out),
        "{{\"time\":\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"",
        t.year,
        t.month,
        t.day,
        t.hour,
        t.minute,
        t.second,
        t.millis
    );
    if let Some(client) = record.client {
        let _ = write!(Line(out), ",\"client\":\"{client}\"");
    }
    text(record, Part::RequestId, "request_id", out);
    text(record, Part::Method, "method", out);
    text(record, Part::Host, "host", out);
    text(record, Part::Target, "target", out);
    let _ = write!(
        Line(out),
        ",\"version\":\"{}\",\"status\":{},\"bytes_in\":{},\"bytes_out\":{},\"duration_ms\":{}",
        version_text(record.version),
        record.status,
        record.bytes_in,
        record.bytes_out,
        millis(record.duration)
    );
    stations(record, out);
    text(record, Part::Route, "route", out);
    text(record, Part::Upstream, "upstream", out);
    text(record, Part::Server, "server", out);
    let _ = write!(Line(out), ",\"retries\":{}", record.retries);
    if let Some(reason) = record.reason {
        let _ = write!(Line(out), ",\"reason\":\"{}\"", reason.word());
    }
    text(record, Part::UserAgent, "user_agent", out);
    text(record, Part::Referer, "referer", out);
    out.extend_from_slice(b"}\n");
}

/// The stations walked, as an object of milliseconds.
fn stations(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"stations_ms\":{");
    for (ix, (name, took)) in record.stations.walked().enumerate() {
        let comma = if ix == 0 { "" } else { "," };
        let _ = write!(Line(out), "{comma}\"{name}\":{}", millis(took));
    }
    out.push(b'}');
}

/// One text with its key, unless it is empty.
fn text(record: &Record, part: Part, key: &str, out: &mut Vec<u8>) {
    let bytes = record.get(part);
    if bytes.is_empty() {
        return;
    }
    let _ = write!(Line(out), ",\"{key}\":\"");
    for chunk in bytes.utf8_chunks() {
        escape(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn escape(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            // The C1 controls too, and the two separators that some readers take for line ends.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(Line(out), "\\u{:04x}", c as u32);
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Stations;
    use proptest::prelude::*;
    use ringfence_http::Reason;
    use std::time::Duration;

    fn full() -> Record {
        let mut record = Record::new(Duration::from_millis(951_782_400_007), 128);
        record.client = Some([192, 0, 2, 1].into());
        record.status = 502;
        record.bytes_in = 3;
        record.bytes_out = 17;
        record.duration = Duration::from_micros(12_345);
        record.retries = 1;
        record.reason = Some(Reason::ConnectFailed);
        record.stations = Stations {
            head: Some(Duration::from_micros(1)),
            connect: Some(Duration::from_millis(12)),
            ..Stations::default()
        };
        for (part, text) in [
            (Part::RequestId, "r-1"),
            (Part::Method, "GET"),
            (Part::Target, "/a?b=\"c\\"),
            (Part::Host, "example.com"),
            (Part::Route, "api"),
            (Part::Upstream, "app"),
            (Part::Server, "127.0.0.1:1"),
        ] {
            record.set(part, text.as_bytes());
        }
        record.set(Part::UserAgent, b"bad\xff\x00\x1b[2J\r\n\xc2\x85end");
        record
    }

    #[test]
    fn a_full_record() {
        let mut out = Vec::new();
        format_json(&full(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"time":"2000-02-29T00:00:00.007Z","client":"192.0.2.1","request_id":"r-1","method":"GET","#,
                r#""host":"example.com","target":"/a?b=\"c\\","version":"HTTP/1.1","status":502,"bytes_in":3,"#,
                r#""bytes_out":17,"duration_ms":12.345,"stations_ms":{"head":0.001,"connect":12.000},"#,
                r#""route":"api","upstream":"app","server":"127.0.0.1:1","retries":1,"reason":"connect_failed","#,
                "\"user_agent\":\"bad\u{fffd}\\u0000\\u001b[2J\\r\\n\\u0085end\"}\n"
            )
        );
    }

    #[test]
    fn an_empty_record_is_still_an_object() {
        let mut out = Vec::new();
        format_json(&Record::new(Duration::ZERO, 0), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"time":"1970-01-01T00:00:00.000Z","version":"HTTP/1.1","status":0,"bytes_in":0,"bytes_out":0,"#,
                r#""duration_ms":0.000,"stations_ms":{},"retries":0}"#,
                "\n"
            )
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_one_line_that_parses_back(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            let mut record = Record::new(Duration::ZERO, 0);
            record.set(Part::UserAgent, &bytes);
            let mut out = Vec::new();
            format_json(&record, &mut out);
            prop_assert!(out.iter().position(|&b| b == b'\n') == Some(out.len() - 1));
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(value["user_agent"].as_str().unwrap(), String::from_utf8_lossy(&bytes));
        }
    }
}
