//! Stored responses.

use std::time::Duration;

use ringfence_tests::{Origin, Response, Ringfence, eventually, happens_within};

use crate::{ask, decoded, is_plain, ok, origin, start, text, texts};

/// What a route has that stores and compresses.
const BOTH: &str = "cache = true\ncompress = true";

const KEPT: &str = "Content-Type: text/css\r\nCache-Control: max-age=600\r\nETag: \"v\"\r\n";

/// Asks until the answer is coded.
#[track_caller]
fn coded(ringfence: &Ringfence, coding: &str, fields: &str) -> Response {
    let mut answer = ask(ringfence, coding, fields);
    eventually("it is coded", || {
        let done = answer.field("content-encoding") == Some(coding);
        if !done {
            answer = ask(ringfence, coding, fields);
        }
        done
    });
    answer
}

fn bytes_coded(ringfence: &Ringfence) -> usize {
    let metrics = ringfence.metrics();
    metrics.sum("ringfence_compression_in_bytes_total", &[]) as usize
}

#[test]
fn the_first_answer_is_as_it_is_and_later_ones_are_coded() {
    let app = texts(KEPT);
    let ringfence = start(&app, BOTH);
    for coding in ["gzip", "br", "zstd"] {
        let first = ask(&ringfence, coding, "").expect(200);
        is_plain(&first, &text("X"));
        assert_eq!(first.field("vary"), Some("Accept-Encoding"));
        assert_eq!(first.field("etag"), Some("\"v\""));
        let answer = coded(&ringfence, coding, "").expect(200);
        assert_eq!(decoded(&answer), text("X"));
        assert_eq!(answer.field("x-cache"), Some("HIT"));
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.field("etag"), Some(&*format!("\"v-{coding}\"")));
        let length = answer.body.len().to_string();
        assert_eq!(answer.field("content-length"), Some(&*length));
        assert!(answer.field("age").is_some());
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let head = ringfence.client().asks("HEAD", "/x", &fields);
        for name in ["content-encoding", "content-length", "etag", "vary"] {
            assert_eq!(head.field(name), answer.field(name), "{name}");
        }
    }
    is_plain(&ask(&ringfence, "identity", ""), &text("X"));
    assert_eq!(app.served(), 1);
}

#[test]
fn a_route_cannot_take_it_back_that_forms_differ() {
    for (edits, vary) in [
        (
            "set = { vary = \"Origin\" }",
            vec!["Accept-Encoding", "Origin"],
        ),
        ("remove = \"vary\"", vec!["Accept-Encoding"]),
    ] {
        let app = texts(KEPT);
        let ringfence = start(&app, &format!("{BOTH}\nresponse_headers = {{ {edits} }}"));
        let fields = "If-None-Match: \"v-gzip\"\r\n";
        assert_eq!(ask(&ringfence, "gzip", "").all("vary"), vary, "{edits}");
        assert_eq!(coded(&ringfence, "gzip", "").all("vary"), vary, "{edits}");
        eventually("its tag is known", || {
            let answer = ask(&ringfence, "gzip", fields);
            assert_eq!(answer.all("vary"), vary, "{edits}");
            answer.status == 304
        });
    }
}

#[test]
fn it_is_coded_once_for_all_cores() {
    let app = texts(KEPT);
    let ringfence = start(&app, BOTH);
    coded(&ringfence, "br", "");
    // Each connection may be another core's.
    eventually("all have it", || {
        (0..16).all(|_| ask(&ringfence, "br", "").field("content-encoding") == Some("br"))
    });
    assert_eq!(bytes_coded(&ringfence), text("X").len());
    assert_eq!(app.served(), 1);
}

#[test]
fn conditions_are_held_against_the_form_that_is_sent() {
    let app = texts(KEPT);
    let ringfence = start(&app, BOTH);
    coded(&ringfence, "br", "");
    eventually("all have it", || {
        (0..16).all(|_| ask(&ringfence, "br", "").field("content-encoding") == Some("br"))
    });
    for (codings, asked, status) in [
        ("br", "\"v-br\"", 304),
        ("br", "W/\"v-br\"", 304),
        ("br", "\"v-gzip\", \"v-br\"", 304),
        ("br", "\"v\"", 200),
        ("identity", "\"v\"", 304),
        ("identity", "\"v-br\"", 200),
    ] {
        let answer = ask(&ringfence, codings, &format!("If-None-Match: {asked}\r\n"));
        assert_eq!(answer.status, status, "{codings} {asked}");
        let tag = if codings == "br" { "\"v-br\"" } else { "\"v\"" };
        assert_eq!(answer.field("etag"), Some(tag), "{codings} {asked}");
        assert_eq!(
            answer.field("vary"),
            Some("Accept-Encoding"),
            "{codings} {asked}"
        );
    }
}

#[test]
fn ranges_are_of_the_response_as_it_is() {
    let app = texts(KEPT);
    let ringfence = start(&app, BOTH);
    coded(&ringfence, "gzip", "");
    let part = ask(&ringfence, "gzip", "Range: bytes=0-9\r\n").expect(206);
    is_plain(&part, &text("X")[..10]);
    assert_eq!(part.field("etag"), Some("\"v\""));
    // Of a coded form there are no parts.
    let whole = ask(
        &ringfence,
        "gzip",
        "Range: bytes=0-9\r\nIf-Range: \"v-gzip\"\r\n",
    );
    is_plain(&whole.expect(200), &text("X"));
}

#[test]
fn a_purge_covers_coded_forms() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let app = origin(move |request| match &*request.method {
        "GET" => {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            ok(KEPT, &text(&number.to_string()))
        }
        _ => ok("", ""),
    });
    let ringfence = start(&app, BOTH);
    for number in ["0", "1", "2"] {
        let answer = coded(&ringfence, "br", "");
        assert_eq!(decoded(&answer), text(number));
        ringfence.client().asks("DELETE", "/x", "").expect(200);
        for _ in 0..8 {
            let answer = ask(&ringfence, "br", "");
            assert!(!decoded(&answer).starts_with(number), "purged");
            if answer.field("content-encoding").is_none() {
                continue;
            }
        }
    }
}

#[test]
fn a_response_that_is_validated_keeps_its_forms() {
    let app = origin(|request| match request.field("if-none-match") {
        Some("\"v\"") => "HTTP/1.1 304 X\r\nETag: \"v\"\r\nX-New: 1\r\n\r\n".into(),
        _ => ok(
            "Content-Type: text/css\r\nCache-Control: no-cache\r\nETag: \"v\"\r\n",
            &text("X"),
        ),
    });
    let ringfence = start(&app, BOTH);
    let answer = coded(&ringfence, "gzip", "");
    assert_eq!(answer.field("x-cache"), Some("REVALIDATED"));
    let before = bytes_coded(&ringfence);
    for _ in 0..8 {
        let answer = ask(&ringfence, "gzip", "").expect(200);
        assert_eq!(answer.field("x-cache"), Some("REVALIDATED"));
        assert_eq!(answer.field("x-new"), Some("1"), "fields of the 304");
        assert_eq!(decoded(&answer), text("X"));
    }
    let again = bytes_coded(&ringfence) - before;
    assert!(again < 4 * text("X").len(), "coded anew for each: {again}");
}

#[test]
fn what_does_not_shrink_is_tried_once() {
    let mut state = 1u64;
    let noise: Vec<u8> = (0..50_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let body = noise.clone();
    let app = Origin::serving("app", move |visit| {
        while visit.request()?.is_some() {
            let head = format!(
                "HTTP/1.1 200 X\r\n{KEPT}Content-Length: {}\r\n\r\n",
                body.len()
            );
            visit.send([head.as_bytes(), &body].concat())?;
        }
        Ok(())
    });
    let ringfence = start(&app, BOTH);
    eventually("it is tried", || {
        ask(&ringfence, "gzip", "");
        bytes_coded(&ringfence) > 0
    });
    let once = |ringfence: &Ringfence| bytes_coded(ringfence) <= noise.len();
    let again = happens_within(Duration::from_secs(2), || {
        let answer = ask(&ringfence, "gzip", "").expect(200);
        assert!(answer.field("content-encoding").is_none() && answer.body == noise);
        !once(&ringfence)
    });
    assert!(!again, "{} bytes were coded", bytes_coded(&ringfence));
}

#[test]
fn what_may_not_be_coded_is_not() {
    for fields in [
        "Content-Type: image/png\r\nCache-Control: max-age=600\r\n",
        "Content-Type: text/css\r\nCache-Control: max-age=600, no-transform\r\n",
        "Content-Type: text/css\r\nCache-Control: max-age=600\r\nContent-Encoding: identity\r\n",
    ] {
        let app = texts(fields);
        let ringfence = start(&app, BOTH);
        for _ in 0..6 {
            let answer = ask(&ringfence, "gzip", "").expect(200);
            assert_eq!(answer.text(), text("X"));
            assert_eq!(answer.field("vary"), None);
        }
        assert_eq!(bytes_coded(&ringfence), 0);
    }
}

/// What an origin codes itself, by what the client takes, is kept and sent as it came.
#[test]
fn an_origin_that_codes_is_left_alone() {
    let app = origin(|request| {
        let kept =
            "Content-Type: text/css\r\nCache-Control: max-age=600\r\nVary: Accept-Encoding\r\n";
        match request.field("accept-encoding") {
            Some("br") => ok(
                &format!("{kept}Content-Encoding: br\r\n"),
                &"b".repeat(2000),
            ),
            _ => ok(kept, &text("X")),
        }
    });
    let ringfence = start(&app, BOTH);
    for _ in 0..4 {
        let answer = ask(&ringfence, "br", "").expect(200);
        assert_eq!(answer.field("content-encoding"), Some("br"));
        assert_eq!(answer.text(), "b".repeat(2000));
        assert_eq!(answer.all("vary"), ["Accept-Encoding"]);
    }
    assert_eq!(decoded(&coded(&ringfence, "gzip", "")), text("X"));
    assert_eq!(app.served(), 2);
}

/// What is not kept is coded on its way, also on a route with a cache.
#[test]
fn what_passes_by_the_cache_is_coded_at_once() {
    let app = texts("Content-Type: text/css\r\nCache-Control: private\r\nETag: \"v\"\r\n");
    let ringfence = start(&app, BOTH);
    for _ in 0..3 {
        let answer = ask(&ringfence, "zstd", "").expect(200);
        assert_eq!(answer.field("content-encoding"), Some("zstd"));
        assert_eq!(answer.field("etag"), Some("W/\"v\""));
        let head = ringfence
            .client()
            .asks("HEAD", "/x", "Accept-Encoding: zstd\r\n");
        for name in ["content-encoding", "etag", "vary", "content-length"] {
            assert_eq!(head.field(name), answer.field(name), "{name}");
        }
        assert_eq!(decoded(&answer), text("X"));
    }
}

/// What is to be kept goes out as it is for the first time, and so HEAD says that before.
#[test]
fn head_says_what_get_would_of_what_is_not_kept_yet() {
    for (rules, coded) in [
        ("", false),
        ("min_uses = 9", true),
        ("max_object = \"1KiB\"", true),
        ("bypass = { headers = [\"accept-encoding\"] }", true),
    ] {
        let app = texts("Content-Type: text/css\r\nCache-Control: max-age=60\r\nETag: \"v\"\r\n");
        let ringfence = start(
            &app,
            &format!("compress = true\n[route.cache]\nmethods = [\"GET\"]\n{rules}"),
        );
        let fields = "Accept-Encoding: zstd\r\n";
        let head = ringfence.client().asks("HEAD", "/x", fields).expect(200);
        let get = ringfence.client().asks("GET", "/x", fields).expect(200);
        assert_eq!(get.field("content-encoding").is_some(), coded, "{rules}");
        for name in ["content-encoding", "etag", "vary", "content-length"] {
            assert_eq!(head.field(name), get.field(name), "{name} {rules}");
        }
    }
}

/// Those who wait for one fetch are answered as it comes, in the form in which it comes.
#[test]
fn what_is_passed_on_to_all_is_as_it_is() {
    let app = Origin::serving("app", |visit| {
        while visit.request()?.is_some() {
            let answer = ok(KEPT, &text("X"));
            let (begin, rest) = answer.split_at(answer.len() / 2);
            visit.send(begin)?;
            visit.pause(Duration::from_millis(500));
            visit.send(rest)?;
        }
        Ok(())
    });
    let ringfence = start(&app, BOTH);
    let mut clients: Vec<_> = (0..12).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.says("GET /x HTTP/1.1\r\nHost: test.example\r\nAccept-Encoding: br\r\n\r\n");
    }
    for client in &mut clients {
        let answer = client.hears().expect(200);
        is_plain(&answer, &text("X"));
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.field("etag"), Some("\"v\""));
    }
    assert_eq!(app.served(), 1);
    assert_eq!(decoded(&coded(&ringfence, "br", "")), text("X"));
}
