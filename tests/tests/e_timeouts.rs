//! Every time limit: when it strikes, what the client hears, and that nobody else notices.

use std::time::{Duration, Instant};

use ringfence_tests::origin::ClosedDoor;
use ringfence_tests::{Client, Origin, Ringfence, Visit, eventually, misbehave, site, site_with};

const CALM: &str = "check = \"off\"\nejection = false\nretry = false\n";

/// A site with extra lines in its upstream and more tables behind.
fn start(origin: &Origin, upstream: &str, tables: &str) -> Ringfence {
    Ringfence::start(&(site_with(&[origin], "", &format!("{CALM}{upstream}")) + "\n" + tables))
}

/// Panics unless `took` is about `limit`: coarse clocks may be late, but never early.
#[track_caller]
fn about(took: Duration, limit: Duration) {
    assert!(
        took + Duration::from_millis(20) >= limit,
        "{took:?} is before {limit:?}"
    );
    assert!(
        took < limit + Duration::from_millis(1500),
        "{took:?} is long after {limit:?}"
    );
}

const LIMIT: Duration = Duration::from_millis(400);

#[test]
fn connect() {
    let door = ClosedDoor::new();
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{}\"]\n{CALM}timeouts = {{ connect = \"400ms\" }}\n",
        door.address()
    );
    let ringfence = Ringfence::start(&config);
    let start = Instant::now();
    let mut client = ringfence.client();
    client.gets("/").expect(504);
    about(start.elapsed(), LIMIT);
    client.gets("/").expect(504);
}

#[test]
fn connect_is_retried_at_another_server() {
    let (door, good) = (ClosedDoor::new(), Origin::kit("good"));
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{}\", \"{}\"]\ncheck = \"off\"\nejection = false\ntimeouts = {{ connect = \"200ms\" }}\n",
        door.address(),
        good.address()
    );
    let ringfence = Ringfence::start(&config);
    for _ in 0..4 {
        assert_eq!(ringfence.get("/").expect(200).origin(), "good");
        ringfence
            .client()
            .sends("POST", "/echo", b"not sent yet")
            .expect(200);
    }
}

#[test]
fn first_byte() {
    let origin = Origin::serving("a", misbehave::silent);
    let ringfence = start(&origin, "timeouts = { first_byte = \"400ms\" }", "");
    let start = Instant::now();
    let mut client = ringfence.client();
    client.gets("/").expect(504);
    about(start.elapsed(), LIMIT);
    // The client may go on; the server's connection is given up, not reused.
    client.gets("/").expect(504);
    eventually("the server's connections are given up", || {
        origin.open_connections() == 0
    });
}

#[test]
fn a_head_that_stalls() {
    let origin = Origin::serving("a", misbehave::stall_mid_head);
    let ringfence = start(
        &origin,
        "timeouts = { first_byte = \"400ms\", between_bytes = \"400ms\" }",
        "",
    );
    ringfence.get("/").expect(504);
}

#[test]
fn first_byte_does_not_count_the_upload() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "timeouts = { first_byte = \"300ms\" }", "");
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n");
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(100));
        client.says("x");
    }
    assert_eq!(client.hears().expect(200).text(), "xxxxxxxx");
}

#[test]
fn between_bytes() {
    let origin = Origin::serving("a", misbehave::stall_mid_body);
    let ringfence = start(&origin, "timeouts = { between_bytes = \"400ms\" }", "");
    let mut client = ringfence.client();
    let start = Instant::now();
    client.says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let wrong = client.try_hears().expect_err("the answer cannot be whole");
    about(start.elapsed(), LIMIT);
    assert!(wrong.to_string().contains("socket"), "{wrong}");
}

#[test]
fn a_slow_but_steady_response_is_not_cut() {
    let origin = Origin::kit("a");
    let ringfence = start(
        &origin,
        "timeouts = { between_bytes = \"300ms\", first_byte = \"300ms\" }",
        "",
    );
    assert_eq!(ringfence.get("/drip/10/100").expect(200).body.len(), 10);
}

#[test]
fn the_whole_request() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "timeouts = { request = \"400ms\" }", "");
    let start = Instant::now();
    ringfence.get("/sleep/5000").expect(504);
    about(start.elapsed(), LIMIT);
    // An answer that has begun is cut.
    let mut client = ringfence.client();
    client.says("GET /drip/50/100 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(client.try_hears().is_err());
    ringfence.get("/sleep/100").expect(200);
}

#[test]
fn a_route_has_limits_of_its_own() {
    let origin = Origin::kit("a");
    let route = "timeouts = { first_byte = \"300ms\" }";
    let ringfence = Ringfence::start(&site_with(&[&origin], route, CALM));
    ringfence.get("/sleep/2000").expect(504);
    ringfence.get("/sleep/50").expect(200);
}

#[test]
fn global_limits_hold_where_nothing_else_is_said() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "", "[timeouts]\nfirst_byte = \"300ms\"\n");
    ringfence.get("/sleep/2000").expect(504);
}

#[test]
fn a_head_that_does_not_come() {
    let origin = Origin::kit("a");
    let ringfence = start(
        &origin,
        "",
        "[timeouts]\nhead = \"400ms\"\nkeep_alive = \"400ms\"\n",
    );
    let mut client = ringfence.client();
    client.says("GET / HTTP/1.1\r\nHost: ");
    let start = Instant::now();
    let answer = client.hears().expect(408);
    about(start.elapsed(), LIMIT);
    assert!(answer.closes());
    client.hears_close();
    // A client that says nothing at all is left without a word.
    let mut silent = ringfence.client();
    let start = Instant::now();
    let heard = silent.hears_out();
    about(start.elapsed(), LIMIT);
    assert!(
        heard.is_empty() || heard.starts_with(b"HTTP/1.1 408 "),
        "{heard:?}"
    );
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_second_head_that_does_not_come() {
    let origin = Origin::kit("a");
    let ringfence = start(
        &origin,
        "",
        "[timeouts]\nhead = \"400ms\"\nkeep_alive = \"10s\"\n",
    );
    let mut client = ringfence.client();
    client.gets("/").expect(200);
    std::thread::sleep(Duration::from_millis(600));
    // Idle time is not the head's time.
    client.says("GET / HTTP/1.1\r\n");
    client.hears().expect(408);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "", "[timeouts]\nkeep_alive = \"400ms\"\n");
    let mut client = ringfence.client();
    client.gets("/").expect(200);
    let start = Instant::now();
    client.hears_close();
    about(start.elapsed(), LIMIT);
}

#[test]
fn a_body_that_stalls() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "", "[timeouts]\nbody = \"400ms\"\n");
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
    let start = Instant::now();
    let answer = client.hears().expect(408);
    about(start.elapsed(), LIMIT);
    assert!(answer.closes());
    client.hears_close();
    eventually("the server is not left waiting", || {
        origin.open_connections() == 0
    });
}

#[test]
fn a_body_that_trickles() {
    let origin = Origin::kit("a");
    let limits = "[limits]\nmin_receive_rate = \"1KiB\"\nrate_grace = \"500ms\"\n";
    let ringfence = start(&origin, "", limits);
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(6) && client.try_says("slow").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "a trickle was let through"
    );
    assert!(client.hears_out().starts_with(b"HTTP/1.1 408 "));
}

#[test]
fn a_head_that_trickles() {
    let origin = Origin::kit("a");
    let limits = "[limits]\nmin_receive_rate = \"1KiB\"\nrate_grace = \"500ms\"\n";
    let ringfence = start(&origin, "", limits);
    let mut client = ringfence.client();
    client.says("GET / HTTP/1.1\r\nHost: h\r\n");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(6) && client.try_says("a: b\r\n").is_ok() {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "a trickle was let through"
    );
}

#[test]
fn a_fast_enough_upload_is_not_hurt_by_the_minimum_rate() {
    let origin = Origin::kit("a");
    let limits = "[limits]\nmin_receive_rate = \"1KiB\"\nrate_grace = \"300ms\"\n";
    let ringfence = start(&origin, "", limits);
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n");
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(60));
        client.says([b'x'; 1000]);
    }
    assert_eq!(client.hears().expect(200).body.len(), 20_000);
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let origin = Origin::kit("a");
    let ringfence = start(&origin, "", "[timeouts]\nsend = \"500ms\"\n");
    let mut client = Client::connect_narrow(ringfence.address(), 8 * 1024);
    client.says("GET /bytes/50000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually("the origin's connection is given up", || {
        origin.requests().len() == 1 && origin.open_connections() == 0
    });
}

#[test]
fn a_server_that_takes_nothing_is_given_up() {
    let origin = Origin::serving("a", misbehave::deaf);
    let ringfence = start(
        &origin,
        "timeouts = { first_byte = \"500ms\", between_bytes = \"500ms\" }",
        "",
    );
    let mut client = ringfence.client();
    client.says(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        100 << 20
    ));
    let mut sender = client;
    let piece = vec![b'x'; 1 << 20];
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(9) && sender.try_says(&piece).is_ok() {}
    let heard = sender.hears_out();
    assert!(
        heard.starts_with(b"HTTP/1.1 504 "),
        "{:?}",
        String::from_utf8_lossy(&heard)
    );
}

#[test]
fn a_slow_loris_harms_nobody() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + "\n[timeouts]\nhead = \"2s\"\n"));
    let mut loris: Vec<Client> = (0..300).map(|_| ringfence.client()).collect();
    for client in &mut loris {
        client.says("GET / HTTP/1.1\r\nHost: h\r\n");
    }
    let start = Instant::now();
    let mut quick = ringfence.client();
    let mut served = 0;
    while start.elapsed() < Duration::from_secs(3) {
        for client in &mut loris {
            let _ = client.try_says("a: b\r\n");
        }
        let asked = Instant::now();
        quick.gets("/").expect(200);
        assert!(asked.elapsed() < Duration::from_secs(1));
        served += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(served > 10);
    for client in &mut loris {
        assert!(
            client.is_closed_within(Duration::from_secs(3)),
            "one of them is still there"
        );
    }
}

#[test]
fn the_whole_request_also_for_a_slow_reader() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&ringfence_tests::site_with(
        &[&origin],
        "timeouts = { request = \"1s\" }",
        "check = \"off\"",
    ));
    let mut client = Client::connect_narrow(ringfence.address(), 16 << 10);
    client.says("GET /bytes/50000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    let began = Instant::now();
    let mut received = 0;
    // A steady reader whom nothing but the whole time can end.
    while began.elapsed() < Duration::from_secs(5) {
        match client.try_hears_some() {
            Ok(0) | Err(_) => break,
            Ok(more) => received += more,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    about(began.elapsed(), Duration::from_secs(1));
    assert!(received > 0 && received < 50_000_000, "{received}");
    ringfence_tests::eventually("the refusal is counted", || {
        let reason = [("reason", "request_timeout")];
        ringfence.metrics().sum("ringfence_refusals_total", &reason) == 1.0
    });
    let failures = ringfence
        .metrics()
        .sum("ringfence_server_failures_total", &[]);
    assert_eq!(failures, 0.0, "it is not the server's fault");
}

/// Answers as soon as it has the head, and ends its answer when it has the body.
fn early_head(visit: &mut Visit) -> std::io::Result<()> {
    if let Some(mut request) = visit.head()? {
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")?;
        visit.body(&mut request)?;
        visit.send("3\r\ntwo\r\n0\r\n\r\n")?;
    }
    Ok(())
}

#[test]
fn between_bytes_does_not_count_the_upload() {
    let origin = Origin::serving("a", early_head);
    let ringfence = start(&origin, "timeouts = { between_bytes = \"300ms\" }", "");
    let mut client = ringfence.client();
    client.says("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    for byte in ["b", "o", "d", "y"] {
        std::thread::sleep(Duration::from_millis(400));
        client.says(byte);
    }
    assert_eq!(client.hears().expect(200).text(), "onetwo");
    let failures = ringfence
        .metrics()
        .sum("ringfence_server_failures_total", &[]);
    assert_eq!(failures, 0.0);
}
