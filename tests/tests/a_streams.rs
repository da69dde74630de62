//! Bodies as streams: interim responses, trailers, early answers, back-pressure, bounded memory.

use std::time::{Duration, Instant};

use ringfence_tests::origin::misbehave;
use ringfence_tests::{Client, Origin, Ringfence, eventually, kit, site, site_with};

#[test]
fn continue_is_heard_before_the_body_is_sent() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.hears().status, 100);
    let answer = client.says("hello").hears().expect(200);
    assert_eq!(answer.text(), "hello");
    client.gets("/").expect(200);
}

#[test]
fn a_body_sent_without_waiting_needs_no_continue() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    );
    let mut answer = client.hears();
    if answer.status == 100 {
        answer = client.hears();
    }
    assert_eq!(answer.expect(200).text(), "hello");
}

#[test]
fn unknown_expectations_fail() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    ringfence
        .client()
        .asks("GET", "/", "Expect: miracles\r\n")
        .expect(417);
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_refusal_instead_of_continue_reaches_the_client() {
    let origin = Origin::serving("a", |visit| {
        visit.head()?;
        visit.send("HTTP/1.1 401 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let mut answer = client.hears();
    if answer.status == 100 {
        // The balancer may ask for the body by itself.
        answer = client.says("hello").hears();
    }
    answer.expect(401);
}

#[test]
fn interim_responses_are_forwarded() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("GET /hints HTTP/1.1\r\nHost: h\r\n\r\n");
    let hint = client.hears().expect(103);
    assert_eq!(hint.field("link"), Some("</style.css>; rel=preload"));
    client.hears().expect(200);
    client.gets("/").expect(200);
}

#[test]
fn trailers_travel_both_ways() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    let answer = client
        .asks("GET", "/trailers", "TE: trailers\r\nConnection: TE\r\n")
        .expect(200);
    assert_eq!(answer.text(), "hello");
    assert_eq!(answer.trailers, [("X-Sum".to_string(), "42".to_string())]);
    client.says(
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Check: 7\r\n\r\n",
    );
    client.hears().expect(200);
    let request = origin.requests().pop().expect("the second request");
    let names: Vec<String> = request
        .trailers
        .iter()
        .map(|(n, _)| n.to_lowercase())
        .collect();
    assert_eq!(names, ["x-check"]);
}

#[test]
fn trailers_cannot_change_framing_or_routing() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\
         Content-Length: 9\r\nHost: evil\r\nAuthorization: x\r\nX-Fine: 1\r\n\r\n",
    );
    let answer = client.hears();
    if answer.status == 200 {
        let trailers = origin.only_request().trailers;
        let names: Vec<String> = trailers.iter().map(|(n, _)| n.to_lowercase()).collect();
        assert_eq!(names, ["x-fine"]);
    } else {
        answer.expect(400);
    }
}

#[test]
fn an_early_answer_reaches_the_client_while_the_body_is_still_coming() {
    let origin = Origin::serving("a", misbehave::early_answer);
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf.");
    assert_eq!(client.hears().expect(200).text(), "early");
}

#[test]
fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let origin = Origin::serving("a", misbehave::early_refusal);
    let ringfence = Ringfence::start(&site(&[&origin]));
    for _ in 0..5 {
        let mut client = ringfence.client();
        let size = 20 << 20;
        client.says(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n"
        ));
        let piece = [b'x'; 64 * 1024];
        for _ in 0..size / piece.len() {
            if client.try_says(piece).is_err() {
                break;
            }
        }
        client.hears().expect(413);
    }
}

#[test]
fn what_comes_is_passed_on_at_once() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    let start = Instant::now();
    client.says("GET /drip/20/100 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.hears_through("\r\n\r\n");
    client.hears_bytes(2);
    assert!(
        start.elapsed() < Duration::from_millis(1000),
        "two bytes took {:?}",
        start.elapsed()
    );
}

#[test]
fn a_request_body_is_passed_on_at_once() {
    let origin = Origin::serving("a", |visit| {
        visit.head()?;
        visit.swallow()?;
        visit.answer("saw the first piece")
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nfirst piece");
    assert_eq!(client.hears().expect(200).text(), "saw the first piece");
}

#[test]
fn a_slow_reader_holds_the_origin_back_in_bounded_memory() {
    let size: usize = 64 << 20;
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    ringfence.get("/bytes/1000").expect(200);
    let before = ringfence.resident_kib();
    let mut client =
        Client::connect_narrow(ringfence.address(), 64 * 1024).patient(Duration::from_secs(60));
    client.says(format!("GET /bytes/{size} HTTP/1.1\r\nHost: h\r\n\r\n"));
    client.hears_through("\r\n\r\n");
    std::thread::sleep(Duration::from_millis(1500));
    let grown = ringfence.resident_kib().saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB held for one slow reader");
    // The rest still comes, whole.
    let mut left = size;
    let mut at = 0;
    let expected = kit::pattern(size);
    while left > 0 {
        let take = left.min(1 << 20);
        assert!(
            client.hears_bytes(take) == expected[at..at + take],
            "damaged near {at}"
        );
        (at, left) = (at + take, left - take);
    }
}

#[test]
fn a_slow_origin_holds_the_client_back_in_bounded_memory() {
    let origin = Origin::serving("a", |visit| {
        visit.head()?;
        visit.hold(Duration::from_millis(1500))?;
        while visit.swallow()? > 0 {}
        Ok(())
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    let before = ringfence.resident_kib();
    let mut client = ringfence.client();
    client.says(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        200 << 20
    ));
    let sender = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        (0..200)
            .take_while(|_| client.try_says(&piece).is_ok())
            .count()
    });
    std::thread::sleep(Duration::from_millis(1200));
    let grown = ringfence.resident_kib().saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB held for one slow origin");
    assert_eq!(
        sender.join().expect("the sender ends"),
        200,
        "the rest is taken in the end"
    );
}

#[test]
fn large_bodies_both_ways_at_once() {
    let origin = Origin::serving("a", |visit| {
        visit.head()?;
        // Answers with as much as it is sent, while it is sent.
        visit.send(format!(
            "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n",
            32 << 20
        ))?;
        let mut left: usize = 32 << 20;
        while left > 0 {
            let got = visit.swallow()?.min(left);
            if got == 0 {
                break;
            }
            visit.send(vec![b'y'; got])?;
            left -= got;
        }
        Ok(())
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client().patient(Duration::from_secs(30));
    client.says(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        32 << 20
    ));
    client.hears_through("\r\n\r\n");
    for _ in 0..512 {
        client.says([b'x'; 64 * 1024]);
        assert!(client.hears_bytes(64 * 1024).iter().all(|b| *b == b'y'));
    }
}

#[test]
fn requests_right_behind_large_bodies_are_told_apart_from_them() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client().patient(Duration::from_secs(30));
    // Around the sizes at which bodies begin to go by uncopied, and far beyond.
    for size in [32_767, 32_768, 98_303, 98_304, 98_305, 700_001, 5_000_000] {
        let body = kit::pattern(size);
        let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
        let next = format!("GET /bytes/{size} HTTP/1.1\r\nHost: h\r\n\r\n");
        client.says([head.as_bytes(), &body, next.as_bytes()].concat());
        assert!(client.hears().expect(200).body == body, "echo of {size}");
        assert!(client.hears().expect(200).body == body, "{size} behind it");
    }
}

#[test]
fn a_large_response_that_breaks_off_is_broken_off_for_the_client_too() {
    const PART: usize = 1 << 20;
    let origin = Origin::serving("a", |visit| {
        visit.head()?;
        visit.send(format!(
            "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n",
            4 * PART
        ))?;
        visit.send(kit::pattern(PART))
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    for _ in 0..3 {
        let mut client = ringfence.client();
        client.says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        client.hears_through("\r\n\r\n");
        let got = client.hears_out();
        assert!(kit::pattern(PART).starts_with(&got), "what came is right");
    }
}

#[test]
fn a_large_request_that_breaks_off_never_reaches_the_server_as_whole() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for sent in [10_000, 300_000, 3_000_000] {
        let mut client = ringfence.client();
        client.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
        client.says(kit::pattern(sent));
        client.ends_sending();
        client.hears().expect(400);
    }
    // Only a body that came whole is in the record.
    let bodies = origin.requests();
    assert!(bodies.iter().all(|request| request.body.is_empty()));
    ringfence.get("/").expect(200);
}

#[test]
fn nothing_is_left_open_behind() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(
        &[&origin],
        "",
        "pool = { idle_timeout = \"300ms\" }",
    ));
    ringfence.get("/").expect(200);
    let before = ringfence.descriptors();
    for round in 0..60 {
        let mut client = ringfence.client();
        match round % 4 {
            0 => drop(client.gets("/")),
            1 => drop(client.says("GET / HT")),
            2 => {
                client.says("GET /bytes/8000000 HTTP/1.1\r\nHost: h\r\n\r\n");
                client.hears_bytes(1 << 20);
            }
            _ => drop(client.says("GET /sleep/20 HTTP/1.1\r\nHost: h\r\n\r\n")),
        }
    }
    // A few pooled connections to the origin may stay.
    eventually("descriptors are given back", || {
        ringfence.descriptors() <= before + 8
    });
}
