//! Responses that are not stored.

use std::io::Read;
use std::time::{Duration, Instant};

use ringfence_tests::{Client, Origin, Ringfence, eventually, kit, site, site_with, tools};

use crate::{ask, decoded, is_plain, ok, origin, start, text, texts};

const HTML: &str = "Content-Type: text/html\r\n";

#[test]
fn nothing_is_compressed_unasked() {
    let app = texts(HTML);
    let ringfence = Ringfence::start(&site(&[&app]));
    let answer = ask(&ringfence, "gzip, br, zstd", "").expect(200);
    is_plain(&answer, &text("X"));
    assert_eq!(answer.field("vary"), None);
}

#[test]
fn each_client_gets_the_coding_that_it_takes() {
    let app = texts(
        "Content-Type: text/html\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nRepr-Digest: x\r\n",
    );
    let ringfence = start(&app, "compress = true");
    for (codings, coding) in [
        ("gzip", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("br", Some("br")),
        ("zstd", Some("zstd")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip, br;q=0.5", Some("gzip")),
        ("deflate", None),
        ("gzip;q=0", None),
        ("gzip;q=5", None),
    ] {
        let answer = ask(&ringfence, codings, "").expect(200);
        assert_eq!(answer.field("content-encoding"), coding, "{codings}");
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{codings}");
        assert_eq!(decoded(&answer), text("X"), "{codings}");
        let of_bytes = [
            "content-length",
            "accept-ranges",
            "content-md5",
            "repr-digest",
        ];
        for name in of_bytes {
            assert_eq!(
                answer.field(name).is_some(),
                coding.is_none(),
                "{name} {codings}"
            );
        }
        if coding.is_some() {
            assert!(
                answer.body.len() < 500,
                "{codings}: {} bytes",
                answer.body.len()
            );
        }
    }
    let answer = ringfence.get("/x").expect(200);
    is_plain(&answer, &text("X"));
    let asked = &app.requests()[5];
    assert_eq!(
        asked.field("accept-encoding"),
        Some("gzip, br;q=0.5"),
        "as before"
    );
}

#[test]
fn a_table_says_which() {
    let app = origin(|request| match &*request.target {
        "/css" => ok("Content-Type: text/css\r\n", &"a".repeat(100)),
        "/short" => ok("Content-Type: text/css\r\n", &"a".repeat(99)),
        _ => ok("Content-Type: text/html\r\n", &"a".repeat(5000)),
    });
    let table = "compress = { codings = [\"gzip\", \"br\"], types = \"text/css\", min_size = 100 }";
    let ringfence = start(&app, table);
    for (path, coding) in [("/css", Some("gzip")), ("/short", None), ("/html", None)] {
        let answer = ringfence
            .client()
            .asks("GET", path, "Accept-Encoding: zstd, br, gzip\r\n");
        assert_eq!(answer.field("content-encoding"), coding, "{path}");
        assert_eq!(answer.field("vary").is_some(), coding.is_some(), "{path}");
    }
}

#[test]
fn what_must_stay_as_it_is_does() {
    let long = text("X");
    for (head, fields) in [
        ("200 X\r\nContent-Type: image/png", ""),
        ("200 X\r\nX-No: type", ""),
        (
            "200 X\r\nContent-Type: text/css\r\nContent-Encoding: identity",
            "",
        ),
        (
            "200 X\r\nContent-Type: text/css\r\nCache-Control: public, no-transform",
            "",
        ),
        (
            "206 X\r\nContent-Type: text/css\r\nContent-Range: bytes 0-10024/20000",
            "Range: bytes=0-10024\r\n",
        ),
        ("200 X\r\nContent-Type: text/css", "Range: bytes=0-1\r\n"),
        (
            "200 X\r\nContent-Type: text/css",
            "Cache-Control: no-transform\r\n",
        ),
    ] {
        let body = long.clone();
        let app = origin(move |_| {
            format!(
                "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        });
        let ringfence = start(&app, "compress = true");
        let answer = ask(&ringfence, "gzip, br", fields);
        assert_eq!(answer.text(), long, "{head} {fields}");
        let length = long.len().to_string();
        assert_eq!(
            answer.field("content-length"),
            Some(&*length),
            "{head} {fields}"
        );
    }
}

#[test]
fn what_the_origin_has_coded_goes_through() {
    let app = origin(|_| {
        ok(
            "Content-Type: text/css\r\nContent-Encoding: br\r\nETag: \"a\"\r\n",
            &"x".repeat(2000),
        )
    });
    let ringfence = start(&app, "compress = true");
    let answer = ask(&ringfence, "gzip, br", "");
    assert_eq!(answer.field("content-encoding"), Some("br"));
    assert_eq!(answer.field("etag"), Some("\"a\""));
    assert_eq!(answer.text(), "x".repeat(2000));
}

#[test]
fn vary_is_said_once() {
    for (fields, vary) in [
        ("Vary: Origin\r\n", vec!["Origin", "Accept-Encoding"]),
        (
            "Vary: origin, accept-encoding\r\n",
            vec!["origin, accept-encoding"],
        ),
        ("Vary: *\r\n", vec!["*"]),
    ] {
        let app = origin(move |_| ok(&format!("{HTML}{fields}"), &text("X")));
        let ringfence = start(&app, "compress = true");
        assert_eq!(ask(&ringfence, "gzip", "").all("vary"), vary);
        assert_eq!(ask(&ringfence, "identity", "").all("vary"), vary);
    }
    let app = texts(HTML);
    let added = "compress = true\nresponse_headers = { add = { vary = \"accept-encoding\" } }";
    assert_eq!(
        ask(&start(&app, added), "gzip", "").all("vary"),
        ["accept-encoding"]
    );
}

/// A cache behind us would give coded bytes to all.
#[test]
fn a_route_cannot_take_it_back_that_forms_differ() {
    for (edits, vary) in [
        (
            "set = { vary = \"Origin\" }",
            vec!["Accept-Encoding", "Origin"],
        ),
        ("remove = \"vary\"", vec!["Accept-Encoding"]),
        (
            "set = { vary = \"accept-encoding\" }",
            vec!["accept-encoding"],
        ),
    ] {
        for fields in ["", "Vary: Accept-Encoding\r\n"] {
            let app = origin(move |_| ok(&format!("{HTML}{fields}"), &text("X")));
            let lines = format!("compress = true\nresponse_headers = {{ {edits} }}");
            let ringfence = start(&app, &lines);
            for codings in ["gzip", "identity"] {
                let answer = ask(&ringfence, codings, "").expect(200);
                assert_eq!(answer.all("vary"), vary, "{edits} {fields} {codings}");
            }
        }
    }
    let app = texts("Content-Type: text/html\r\nVary: Accept-Encoding\r\nConnection: vary\r\n");
    let ringfence = start(&app, "compress = true");
    assert_eq!(ask(&ringfence, "gzip", "").all("vary"), ["Accept-Encoding"]);
}

#[test]
fn tags_of_what_is_coded_are_weak_and_the_origin_finds_its_own() {
    let app = origin(|request| {
        let asked = request.all("if-none-match").join(", ");
        match asked.contains("\"v\"") {
            true => "HTTP/1.1 304 X\r\nETag: \"v\"\r\n\r\n".into(),
            false => ok("Content-Type: text/css\r\nETag: \"v\"\r\n", &text("X")),
        }
    });
    let ringfence = start(&app, "compress = true");
    assert_eq!(ask(&ringfence, "gzip", "").field("etag"), Some("W/\"v\""));
    assert_eq!(ask(&ringfence, "", "").field("etag"), Some("\"v\""));
    for (asked, tag) in [
        ("W/\"v\"", "W/\"v\""),
        ("\"v\"", "\"v\""),
        ("\"v-br\"", "\"v-br\""),
        ("\"v-gzip\", \"v\"", "\"v\""),
    ] {
        let answer = ask(&ringfence, "gzip", &format!("If-None-Match: {asked}\r\n")).expect(304);
        assert_eq!(answer.field("etag"), Some(tag), "{asked}");
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{asked}");
    }
    // Conditions of what changes something reach the origin as well.
    app.forgets();
    ringfence
        .client()
        .asks("DELETE", "/x", "If-Match: \"v-br\"\r\n");
    assert_eq!(app.only_request().all("if-match"), ["\"v-br\"", "\"v\""]);
}

/// However many tags a client names, its request grows by one line, with those that it did not name itself.
#[test]
fn the_origin_is_told_of_its_tags_in_one_line() {
    let app = texts(HTML);
    let ringfence = start(&app, "compress = true");
    for (asked, told) in [
        ("\"a\"", vec!["\"a\""]),
        ("\"a-br\", \"a\"", vec!["\"a-br\", \"a\""]),
        (
            "\"a-br\", W/\"b-gzip\", \"a-zstd\"",
            vec!["\"a-br\", W/\"b-gzip\", \"a-zstd\"", "\"a\", W/\"b\""],
        ),
    ] {
        for name in ["If-None-Match", "If-Match"] {
            app.forgets();
            ask(&ringfence, "gzip", &format!("{name}: {asked}\r\n"));
            assert_eq!(app.only_request().all(name), told, "{name}");
        }
    }
}

/// As far as its own fields tell: that of an image is the same for all.
#[test]
fn a_304_says_that_forms_differ_where_they_may() {
    for (fields, differs) in [
        ("", true),
        ("Content-Type: text/css\r\n", true),
        ("Content-Type: image/png\r\n", false),
        ("Content-Encoding: br\r\n", false),
        ("Cache-Control: no-transform\r\n", false),
    ] {
        let app = origin(move |_| format!("HTTP/1.1 304 X\r\nETag: \"v\"\r\n{fields}\r\n"));
        let ringfence = start(&app, "compress = true");
        for (asked, ours) in [("\"v\"", false), ("\"v-br\"", true)] {
            let answer = ask(&ringfence, "br", &format!("If-None-Match: {asked}\r\n")).expect(304);
            let vary = (differs || ours).then_some("Accept-Encoding");
            assert_eq!(answer.field("vary"), vary, "{fields} {asked}");
        }
    }
}

#[test]
fn head_says_what_get_would() {
    let app = texts("Content-Type: text/css\r\nETag: \"v\"\r\n");
    let ringfence = start(&app, "compress = true");
    for codings in ["gzip", "identity"] {
        let fields = format!("Accept-Encoding: {codings}\r\n");
        let head = ringfence.client().asks("HEAD", "/x", &fields).expect(200);
        let get = ringfence.client().asks("GET", "/x", &fields).expect(200);
        for name in ["content-encoding", "etag", "vary", "content-length"] {
            assert_eq!(head.field(name), get.field(name), "{name} {codings}");
        }
    }
}

#[test]
fn old_clients_get_it_as_it_is() {
    let app = texts(HTML);
    let ringfence = start(&app, "compress = true");
    let mut client = ringfence.client();
    client.says("GET /x HTTP/1.0\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
    is_plain(&client.hears().expect(200), &text("X"));
}

#[test]
fn any_length_in_any_framing_comes_whole() {
    let app = Origin::serving("app", |visit| {
        while let Some(request) = visit.request()? {
            let mut parts = request.target.split('/').skip(1);
            let (how, count) = (parts.next().unwrap_or_default(), parts.next());
            let body = kit::pattern(count.and_then(|count| count.parse().ok()).unwrap_or(0));
            let head = "HTTP/1.1 200 X\r\nContent-Type: text/plain\r\n";
            match how {
                "length" => visit.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()))?,
                "chunked" => visit.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))?,
                _ => visit.send(format!("{head}\r\n"))?,
            }
            if how != "chunked" {
                visit.send(&body)?;
            } else {
                for part in body.chunks(7000) {
                    visit.send(
                        [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat(),
                    )?;
                }
                visit.send("0\r\nX-Sum: 42\r\nRepr-Digest: x\r\n\r\n")?;
            }
            if how == "close" {
                return Ok(());
            }
        }
        Ok(())
    });
    let ringfence = start(&app, "compress = true");
    let mut client = ringfence.client();
    for how in ["length", "chunked", "close"] {
        for count in [0, 1, 1024, 70_000, 3_000_000] {
            for coding in ["gzip", "br", "zstd", "identity"] {
                let path = format!("/{how}/{count}");
                let answer = client.asks("GET", &path, &format!("Accept-Encoding: {coding}\r\n"));
                let text = decoded(&answer.expect(200));
                assert!(text.as_bytes() == kit::pattern(count), "{path} {coding}");
            }
        }
    }
    let answer = client.asks("GET", "/chunked/5000", "Accept-Encoding: br\r\n");
    let trailers: Vec<&str> = answer.trailers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        trailers,
        ["X-Sum"],
        "digests are not those of the coded form"
    );
}

/// What a server has sent is not kept from a client until it sends more.
#[test]
fn events_come_as_they_are_sent() {
    let app = Origin::serving("app", |visit| {
        visit.head()?;
        visit.send("HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            visit.send("9\r\ndata: a\n\n\r\n")?;
            // The next event is sent when the client has said that it has this one.
            if visit.swallow()? == 0 {
                return Ok(());
            }
        }
    });
    for coding in ["gzip", "br", "zstd"] {
        let ringfence = start(&app, "compress = true");
        let mut client = ringfence.client();
        client.says(format!(
            "POST /x HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        let mut seen = Vec::new();
        for events in 1..4 {
            let want = "data: a\n\n".repeat(events);
            let until = Instant::now() + Duration::from_secs(10);
            while begun(coding, &seen) != want {
                assert!(Instant::now() < until, "{coding}: {events} of {seen:?}");
                seen.extend(client.hears_bytes(1));
            }
            client.says("1\r\nx\r\n");
        }
    }
}

/// As much as can be decoded of a chunked message that has not ended.
fn begun(coding: &str, message: &[u8]) -> String {
    let mut body = Vec::new();
    let text = message.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = text.map_or(&[][..], |at| &message[at + 4..]);
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
        if rest.len() < end + 2 + size + 2 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    let mut out = Vec::new();
    // It ends in an error, once all that is there has come out.
    let _ = match coding {
        "gzip" => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut out),
        "br" => brotli::Decompressor::new(&body[..], 4096).read_to_end(&mut out),
        _ => zstd::Decoder::new(&body[..]).and_then(|mut from| from.read_to_end(&mut out)),
    };
    String::from_utf8(out).expect("text")
}

#[test]
fn what_is_cut_off_does_not_look_whole() {
    for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let app = Origin::serving("app", move |visit| {
            visit.request()?;
            visit.send(format!(
                "HTTP/1.1 200 X\r\nContent-Type: text/css\r\n{head}\r\n\r\n"
            ))?;
            visit.send(format!("2710\r\n{}", "a".repeat(9000)))
        });
        for coding in ["gzip", "br", "zstd"] {
            let ringfence = start(&app, "compress = true\nretry = false");
            let mut client = ringfence.client();
            client.says(format!(
                "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: {coding}\r\n\r\n"
            ));
            let all = client.hears_out();
            // Where nothing had been sent yet, it is a failure with a name.
            let cut = all.starts_with(b"HTTP/1.1 200") && !all.ends_with(b"0\r\n\r\n");
            assert!(cut || all.starts_with(b"HTTP/1.1 502"), "{coding} {head}");
        }
    }
}

#[test]
fn a_client_that_reads_slowly_costs_little() {
    let app = origin(|_| {
        let noise: String = (0..4_000_000u64)
            .map(|n| {
                char::from(b'0' + (n.wrapping_mul(n ^ 0x9e37_79b9_7f4a_7c15) >> 40) as u8 % 60)
            })
            .collect();
        ok("Content-Type: text/plain\r\n", &noise)
    });
    let ringfence = start(&app, "compress = true");
    let before = ringfence.resident_kib();
    let mut clients: Vec<Client> = (0..8)
        .map(|_| Client::connect_narrow(ringfence.address(), 4096))
        .collect();
    for client in &mut clients {
        client.says("GET /x HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n\r\n");
    }
    let first = ringfence.get("/x").expect(200);
    let grown = ringfence.resident_kib().saturating_sub(before);
    assert!(
        grown < 64 << 10,
        "{grown} KiB for eight encoders and their buffers"
    );
    let answer = clients[0].hears().expect(200);
    assert!(decoded(&answer) == first.text());
}

#[test]
fn bytes_are_counted_before_and_after() {
    let app = texts(HTML);
    let ringfence = start(&app, "compress = true\n");
    let answer = ask(&ringfence, "gzip", "").expect(200);
    let sum = |name: &str| ringfence.metrics().sum(name, &[]) as usize;
    // The response is counted once it has gone out.
    eventually("it is counted", || {
        sum("ringfence_sent_bytes_total") == answer.body.len()
    });
    assert_eq!(sum("ringfence_compression_in_bytes_total"), text("X").len());
    assert_eq!(
        sum("ringfence_compression_out_bytes_total"),
        answer.body.len()
    );
}

#[test]
fn curl_reads_it() {
    let app = texts(HTML);
    let ringfence = start(&app, "compress = true");
    let url = format!("http://{}/x", ringfence.address());
    let out = std::process::Command::new(tools::need("curl"))
        .args(["-sS", "--compressed", &url])
        .output()
        .expect("curl runs");
    assert_eq!(String::from_utf8_lossy(&out.stdout), text("X"));
}

/// Memory for encoders is a quarter of that for receiving, here 2 MiB of each worker.
#[test]
fn where_there_is_no_room_for_one_coding_another_is_taken() {
    let app = Origin::serving("app", |visit| {
        while let Some(request) = visit.request()? {
            let body = text("X");
            let head = "HTTP/1.1 200 X\r\nContent-Type: text/css\r\n";
            match &*request.target {
                "/short" => visit.send(ok("Content-Type: text/css\r\n", &body))?,
                _ => visit.send(format!(
                    "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                ))?,
            }
        }
        Ok(())
    });
    let limits = "\n[limits]\nmax_buffers = \"16MiB\"\n";
    let ringfence = Ringfence::start(&(site_with(&[&app], "compress = true", "") + limits));
    for (path, codings, coding) in [
        ("/short", "br", Some("br")),
        ("/x", "zstd", Some("zstd")),
        ("/x", "br, gzip;q=0.5", Some("gzip")),
        ("/x", "br", None),
    ] {
        let fields = format!("Accept-Encoding: {codings}\r\n");
        let answer = ringfence.client().asks("GET", path, &fields).expect(200);
        assert_eq!(answer.field("content-encoding"), coding, "{path} {codings}");
        assert_eq!(decoded(&answer), text("X"));
    }
    let metrics = ringfence.metrics();
    assert_eq!(metrics.sum("ringfence_compression_short_total", &[]), 2.0);
}
