//! What HTTP says of shared caches (RFC 9111, RFC 9110, RFC 9211).

use std::time::Duration;

use ringfence_tests::Ringfence;

use crate::{KEPT, ask, asked, cached, expect, how, numbered, ok, origin, respond, start};

#[test]
fn a_miss_is_kept_and_the_next_one_a_hit() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    let miss = client.gets("/x").expect(200);
    expect(&miss, "MISS", "0");
    assert_eq!(miss.field("age"), None);
    let status = miss.field("cache-status").unwrap_or_default();
    assert!(
        status.starts_with("ringfence; fwd=uri-miss; stored"),
        "{status}"
    );
    std::thread::sleep(Duration::from_millis(1100));
    let hit = client.gets("/x").expect(200);
    expect(&hit, "HIT", "0");
    let age: u64 = hit.field("age").expect("Age").parse().expect("seconds");
    assert!((1..9).contains(&age), "{age}");
    let status = hit.field("cache-status").unwrap_or_default();
    assert!(status.starts_with("ringfence; hit; ttl=59"), "{status}");
    assert_eq!(hit.field("cache-control"), Some("max-age=600"));
    assert_eq!(app.served(), 1);
}

#[test]
fn the_age_that_a_response_came_with_counts() {
    let app = numbered("Cache-Control: max-age=600\r\nAge: 590\r\n");
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    client.gets("/x");
    let hit = client.gets("/x");
    expect(&hit, "HIT", "0");
    let age: u64 = hit.field("age").expect("Age").parse().expect("seconds");
    assert!((590..600).contains(&age), "{age}");
    // What has been on its way for longer than it is fresh is not.
    let app = numbered("Cache-Control: max-age=600\r\nAge: 601\r\n");
    let ringfence = start(&app, "");
    asked(&mut ringfence.client(), &app, ["", ""], 2);
}

#[test]
fn a_route_without_a_cache_says_nothing_of_it() {
    let app = numbered(KEPT);
    let ringfence = Ringfence::start(&ringfence_tests::site(&[&app]));
    for number in ["0", "1"] {
        let answer = ringfence.get("/x").expect(200);
        assert_eq!(answer.text(), number);
        assert_eq!(answer.field("x-cache"), None);
        assert_eq!(answer.field("cache-status"), None);
    }
}

#[test]
fn a_stale_response_is_validated() {
    let app = origin(|request, number| match request.field("if-none-match") {
        Some("\"v1\"") => format!("HTTP/1.1 304 X\r\nETag: \"v1\"\r\nX-Number: {number}\r\n\r\n"),
        _ => ok(
            "Cache-Control: no-cache\r\nETag: \"v1\"\r\nX-Number: 0\r\n",
            "body",
        ),
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "body");
    for number in ["1", "2"] {
        let answer = client.gets("/x").expect(200);
        expect(&answer, "REVALIDATED", "body");
        assert_eq!(answer.field("x-number"), Some(number), "fields of the 304");
    }
    // A client's own condition is answered by us, from what has been validated.
    let answer = client.asks("GET", "/x", "If-None-Match: \"v0\", \"v1\"\r\n");
    assert_eq!(answer.expect(304).text(), "");
    let last = app.requests().pop().expect("a request");
    assert_eq!(last.field("if-none-match"), Some("\"v1\""));
}

#[test]
fn a_stale_response_gives_way_to_another() {
    let app =
        numbered("Cache-Control: no-cache\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n");
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "0");
    expect(&client.gets("/x"), "EXPIRED", "1");
    let last = app.requests().pop().expect("a request");
    assert_eq!(
        last.field("if-modified-since"),
        Some("Thu, 01 Jan 2026 00:00:00 GMT")
    );
}

#[test]
fn conditions_are_answered_from_the_store() {
    let app = numbered(
        "Cache-Control: max-age=600\r\nETag: \"v1\"\r\nContent-Type: text/css\r\n\
         Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
    );
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    // Even the first one gets no 304 of the origin's: what is asked for can be stored.
    let first = client.asks("GET", "/x", "If-None-Match: \"v1\"\r\n");
    assert!(matches!(first.status, 200 | 304));
    assert_eq!(app.only_request().field("if-none-match"), None);
    for (fields, status) in [
        ("If-None-Match: \"v1\"\r\n", 304),
        ("If-None-Match: W/\"v1\"\r\n", 304),
        ("If-None-Match: *\r\n", 304),
        ("If-None-Match: \"a\", \"v1\"\r\n", 304),
        ("If-None-Match: \"v2\"\r\n", 200),
        ("If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n", 304),
        ("If-Modified-Since: Wed, 31 Dec 2025 23:59:59 GMT\r\n", 200),
        ("If-Modified-Since: yesterday\r\n", 200),
        // The tag comes before the date.
        (
            "If-None-Match: \"v2\"\r\nIf-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
            200,
        ),
    ] {
        let answer = client.asks("GET", "/x", fields).expect(status);
        assert_eq!(how(&answer), "HIT", "{fields}");
        assert_eq!(answer.field("etag"), Some("\"v1\""), "{fields}");
        if status == 304 {
            assert_eq!(answer.field("content-type"), None);
            assert_eq!(answer.field("cache-control"), Some("max-age=600"));
        }
    }
    assert_eq!(app.served(), 1);
}

/// Field lines of a response of 26 bytes, whose parts are asked for.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

#[test]
fn a_range_is_cut_from_the_store() {
    let app = origin(|_, _| ok("Cache-Control: max-age=600\r\nETag: \"v1\"\r\n", LETTERS));
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    client.gets("/x");
    for (range, body, place) in [
        ("bytes=0-0", "a", "bytes 0-0/26"),
        ("bytes=2-4", "cde", "bytes 2-4/26"),
        ("bytes=24-", "yz", "bytes 24-25/26"),
        ("bytes=20-99", "uvwxyz", "bytes 20-25/26"),
        ("bytes=-2", "yz", "bytes 24-25/26"),
        ("bytes=-99", LETTERS, "bytes 0-25/26"),
        ("bytes=99-,3-3", "d", "bytes 3-3/26"),
    ] {
        let answer = client
            .asks("GET", "/x", &format!("Range: {range}\r\n"))
            .expect(206);
        expect(&answer, "HIT", body);
        assert_eq!(answer.field("content-range"), Some(place));
    }
    for range in ["bytes=26-", "bytes=99-100", "bytes=-0"] {
        let answer = client
            .asks("GET", "/x", &format!("Range: {range}\r\n"))
            .expect(416);
        assert_eq!(answer.field("content-range"), Some("bytes */26"));
    }
    for range in [
        "bytes=4-2",
        "bytes=",
        "bytes=a-b",
        "lines=0-1",
        "bytes=0-9,5-12",
        "bytes=99999999999999999999-5",
    ] {
        let answer = client
            .asks("GET", "/x", &format!("Range: {range}\r\n"))
            .expect(200);
        expect(&answer, "HIT", LETTERS);
    }
    for (condition, status) in [("\"v1\"", 206), ("\"v2\"", 200), ("W/\"v1\"", 200)] {
        let fields = format!("Range: bytes=0-1\r\nIf-Range: {condition}\r\n");
        client.asks("GET", "/x", &fields).expect(status);
    }
    let answer = client.asks("GET", "/x", "Range: bytes=0-1\r\nIf-None-Match: \"v1\"\r\n");
    assert_eq!(answer.status, 304, "the condition comes before the range");
    assert_eq!(app.served(), 1);
}

#[test]
fn several_ranges_are_parts_of_one_body() {
    let fields = "Cache-Control: max-age=600\r\nContent-Type: text/plain\r\n";
    let app = origin(move |_, _| ok(fields, LETTERS));
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    client.gets("/x");
    let answer = client
        .asks("GET", "/x", "Range: bytes=0-1,-1\r\n")
        .expect(206);
    assert_eq!(answer.field("content-range"), None);
    let kind = answer.field("content-type").unwrap_or_default();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect(kind);
    let part = |place, body| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {place}/26\r\n\r\n{body}\r\n"
        )
    };
    let expected = format!(
        "{}{}--{boundary}--\r\n",
        part("0-1", "ab"),
        part("25-25", "z")
    );
    assert_eq!(answer.text().trim_start_matches("\r\n"), expected);
    let many: Vec<String> = (0..13).map(|at| format!("{0}-{0}", 2 * at)).collect();
    let many = format!("Range: bytes={}\r\n", many.join(","));
    client.asks("GET", "/x", &many).expect(206);
    let flood = format!("Range: bytes={}\r\n", "0-0,".repeat(1000));
    expect(
        &client.asks("GET", "/x", &flood).expect(200),
        "HIT",
        LETTERS,
    );
}

#[test]
fn a_part_that_is_not_in_the_store_is_the_origins() {
    let app = origin(|request, _| match request.field("range") {
        Some(_) => respond(
            206,
            "Cache-Control: max-age=600\r\nContent-Range: bytes 0-1/26\r\n",
            "ab",
        ),
        None => ok(KEPT, LETTERS),
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    for _ in 0..2 {
        let answer = client.asks("GET", "/x", "Range: bytes=0-1\r\n").expect(206);
        expect(&answer, "MISS", "ab");
    }
    // What was a part is never taken for the whole.
    expect(&client.gets("/x").expect(200), "MISS", LETTERS);
    expect(&client.gets("/x").expect(200), "HIT", LETTERS);
}

#[test]
fn head_is_answered_from_what_get_has_stored() {
    let app = origin(|_, _| ok(KEPT, LETTERS));
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    let head = client.asks("HEAD", "/x", "");
    assert_eq!(
        (how(&head), head.field("content-length")),
        ("MISS", Some("26"))
    );
    // It brought no body, so it is nothing for a GET.
    expect(&client.gets("/x"), "MISS", LETTERS);
    let head = client.asks("HEAD", "/x", "");
    assert_eq!(
        (how(&head), head.field("content-length")),
        ("HIT", Some("26"))
    );
    let head = client.asks("HEAD", "/x", "Range: bytes=0-1\r\n");
    assert_eq!(head.status, 200, "ranges are for GET");
    expect(&client.gets("/x"), "HIT", LETTERS);
    assert_eq!(app.served(), 2);
}

#[test]
fn variants_are_kept_apart() {
    let app = origin(|request, _| {
        let language = request.field("accept-language").unwrap_or("none");
        ok(
            "Cache-Control: max-age=600\r\nVary: Accept-Language\r\n",
            language,
        )
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    for round in ["MISS", "HIT"] {
        for language in ["de", "fr", "de, fr"] {
            let fields = format!("Accept-Language: {language}\r\n");
            expect(&client.asks("GET", "/x", &fields), round, language);
        }
        expect(&client.gets("/x"), round, "none");
    }
    assert_eq!(app.served(), 4);
}

#[test]
fn a_response_that_varies_by_anything_is_not_kept() {
    for vary in ["Vary: *\r\n", "Vary: accept, *\r\n", "Vary: b@d\r\n"] {
        let app = origin(move |_, _| ok(&format!("{KEPT}{vary}"), "x"));
        let ringfence = start(&app, "");
        asked(&mut ringfence.client(), &app, ["", ""], 2);
    }
}

#[test]
fn answers_to_credentials_are_shared_only_where_the_server_says_so() {
    for (control, times) in [
        ("max-age=600", 2),
        ("max-age=600, public", 1),
        ("s-maxage=600", 1),
        ("max-age=600, must-revalidate", 1),
    ] {
        let app = origin(move |_, _| ok(&format!("Cache-Control: {control}\r\n"), "x"));
        let ringfence = start(&app, "");
        let fields = ["Authorization: Basic YTpi\r\n", ""];
        asked(&mut ringfence.client(), &app, fields, times);
    }
    // What was made for nobody in particular is for those with credentials too.
    let app = numbered(KEPT);
    let ringfence = start(&app, "");
    let fields = ["", "Authorization: Basic YTpi\r\n"];
    asked(&mut ringfence.client(), &app, fields, 1);
}

#[test]
fn what_may_not_be_kept_is_not() {
    for fields in [
        "Cache-Control: private, max-age=600\r\n",
        "Cache-Control: no-store, max-age=600\r\n",
        "Cache-Control: max-age=600\r\nCache-Control: NO-STORE\r\n",
        "Cache-Control: max-age=600, private=\"\r\n",
        "Cache-Control: s-maxage=0, max-age=600\r\n",
        "Cache-Control: max-age=0\r\n",
        "Cache-Control: max-age=x\r\n",
        "Expires: 0\r\n",
        "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "Content-Type: text/plain\r\n",
        "",
    ] {
        let app = numbered(fields);
        let ringfence = start(&app, "");
        asked(&mut ringfence.client(), &app, ["", ""], 2);
    }
    for fields in [
        ["Cache-Control: no-store\r\n", ""],
        ["", "Cache-Control: no-cache\r\n"],
    ] {
        let app = numbered(KEPT);
        let ringfence = start(&app, "");
        asked(&mut ringfence.client(), &app, fields, 2);
    }
}

#[test]
fn statuses_of_one_request_are_not_kept() {
    for status in [206, 412, 416, 429, 431] {
        let app = origin(move |_, _| respond(status, KEPT, "x"));
        let ringfence = start(&app, "");
        asked(&mut ringfence.client(), &app, ["", ""], 2);
    }
    for status in [301, 404, 410, 503] {
        let app = origin(move |_, _| respond(status, KEPT, "x"));
        let ringfence = start(&app, "");
        let answer = asked(&mut ringfence.client(), &app, ["", ""], 1);
        assert_eq!(answer.status, status);
    }
}

#[test]
fn fields_for_one_client_are_not_given_to_others() {
    let app = numbered(
        "Cache-Control: max-age=600, private=\"set-cookie\"\r\nSet-Cookie: user=1\r\n\
         Connection: X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\n",
    );
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    assert_eq!(client.gets("/x").field("set-cookie"), Some("user=1"));
    let hit = client.gets("/x");
    expect(&hit, "HIT", "0");
    assert_eq!(hit.field("x-kept"), Some("1"));
    assert_eq!(hit.field("set-cookie"), None);
    assert_eq!(hit.field("x-hop"), None);
}

/// A cookie that comes with a response whose freshness only we have thought of is one client's session.
#[test]
fn a_cookie_is_not_shared_where_the_server_did_not_say_so() {
    for (fields, lines) in [
        ("Set-Cookie: session=1\r\n", "ttl = \"10m\""),
        (
            "Set-Cookie: session=1\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
            "",
        ),
    ] {
        let app = numbered(fields);
        let ringfence = start(&app, lines);
        let mut client = ringfence.client();
        client.gets("/x");
        let second = client.gets("/x");
        let shared = how(&second) == "HIT" && second.field("set-cookie").is_some();
        assert!(!shared, "{fields} {:?}", second.fields);
    }
}

#[test]
fn only_if_cached_never_asks_the_origin() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "");
    let only = "Cache-Control: only-if-cached\r\n";
    ask(&ringfence, "/x", only).expect(504);
    assert_eq!(app.served(), 0);
    let mut client = ringfence.client();
    client.gets("/x");
    expect(&client.asks("GET", "/x", only).expect(200), "HIT", "0");
}

#[test]
fn what_a_client_takes_of_age() {
    let app = numbered("Cache-Control: max-age=600\r\nAge: 100\r\n");
    let ringfence = start(&app, "");
    for (control, times) in [
        ("max-age=300", 1),
        ("max-age=50", 2),
        ("min-fresh=300", 1),
        ("min-fresh=550", 2),
        ("max-stale=9", 1),
    ] {
        let fields = format!("Cache-Control: {control}\r\n");
        asked(&mut ringfence.client(), &app, ["", &fields], times.min(2));
        ringfence.client().sends("POST", "/x", b"");
    }
}

#[test]
fn a_chunked_body_is_stored_and_its_length_told() {
    let app = origin(|_, _| {
        format!(
            "HTTP/1.1 200 X\r\n{KEPT}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
        )
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "abcde");
    let hit = client.gets("/x");
    expect(&hit, "HIT", "abcde");
    assert_eq!(hit.field("content-length"), Some("5"));
    assert_eq!(hit.field("transfer-encoding"), None);
    assert!(hit.trailers.is_empty());
}

#[test]
fn a_body_that_was_cut_off_is_never_stored() {
    for head in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "Connection: close\r\n\r\nabc",
    ] {
        let app = ringfence_tests::Origin::serving("app", move |visit| {
            visit.request()?;
            visit.send(format!("HTTP/1.1 200 X\r\n{KEPT}{head}"))
        });
        let ringfence = start(&app, "");
        for _ in 0..2 {
            let mut client = ringfence.client();
            client.says("GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n");
            if let Ok(answer) = client.try_hears() {
                assert_ne!(how(&answer), "HIT", "{head:?}");
            }
        }
        assert!(app.served() >= 2, "{head:?}");
    }
}

#[test]
fn an_empty_body_is_kept_too() {
    for (status, length) in [(200, Some("0")), (204, None), (301, Some("0"))] {
        let app = origin(move |_, _| match status {
            204 => format!("HTTP/1.1 204 X\r\n{KEPT}\r\n"),
            _ => respond(status, KEPT, ""),
        });
        let ringfence = start(&app, "");
        let answer = asked(&mut ringfence.client(), &app, ["", ""], 1).expect(status);
        assert_eq!(answer.field("content-length"), length, "{status}");
    }
}

#[test]
fn a_body_larger_than_may_be_kept_is_relayed_whole() {
    let chunked = |body: &str| {
        let size = body.len();
        format!(
            "HTTP/1.1 200 X\r\n{KEPT}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"
        )
    };
    for with_length in [true, false] {
        let app = origin(move |_, _| match with_length {
            true => ok(KEPT, &"x".repeat(300_000)),
            false => chunked(&"x".repeat(300_000)),
        });
        let ringfence = Ringfence::start(&cached(&app, "max_object = \"64KiB\""));
        let mut client = ringfence.client();
        for _ in 0..2 {
            let answer = client.gets("/x").expect(200);
            assert_eq!((how(&answer), answer.body.len()), ("MISS", 300_000));
        }
    }
}

#[test]
fn a_body_as_large_as_may_be_kept_is_kept() {
    let app = origin(|_, _| ok(KEPT, &"x".repeat(64 << 10)));
    let ringfence = start(&app, "max_object = \"64KiB\"");
    asked(&mut ringfence.client(), &app, ["", ""], 1);
}
