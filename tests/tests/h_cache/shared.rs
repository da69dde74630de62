//! One origin request for all who want the same, on all cores.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ringfence_tests::{Client, Origin, Response, Ringfence, eventually, happens_within};

use crate::{KEPT, ask, cached, expect, how, numbered, ok, origin, start};

const GET: &str = "GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n";

/// An origin that takes its time, and numbers its answers.
fn slow(fields: &'static str, time: Duration) -> Origin {
    origin(move |_, number| {
        std::thread::sleep(time);
        ok(fields, &number.to_string())
    })
}

/// What many clients get that ask at once, each on a connection of its own.
fn at_once(ringfence: &Ringfence, count: usize) -> Vec<Response> {
    let mut clients: Vec<Client> = (0..count).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.says(GET);
    }
    clients.iter_mut().map(Client::hears).collect()
}

#[test]
fn one_fetch_is_for_all_who_ask_meanwhile() {
    let app = slow(KEPT, Duration::from_millis(500));
    let ringfence = start(&app, "");
    let answers = at_once(&ringfence, 50);
    assert_eq!(app.served(), 1);
    for answer in &answers {
        assert_eq!((answer.status, &*answer.text()), (200, "0"));
    }
    let hits = answers.iter().filter(|answer| how(answer) == "HIT");
    assert_eq!(hits.count(), 49);
    let collapsed = |answer: &&Response| {
        let status = answer.field("cache-status").unwrap_or_default();
        status.contains("; collapsed")
    };
    assert!(answers.iter().any(|answer| collapsed(&answer)));
}

/// Of two fetches for the same, the one that began first may end last: what it brings is older than what is stored.
#[test]
fn what_was_asked_for_earlier_does_not_take_the_place_of_what_is_newer() {
    let (release, held) = channel();
    let (begin, begun) = channel();
    let held = Mutex::new((begin, held));
    let app = origin(move |_, number| match number {
        0 => ok("Cache-Control: private\r\n", "0"),
        1 => {
            let waits = held.lock().expect("one waits");
            waits.0.send(()).expect("the test goes on");
            let _ = waits.1.recv_timeout(Duration::from_secs(20));
            ok(KEPT, "1")
        }
        number => ok(KEPT, &number.to_string()),
    });
    let ringfence = start(&app, "");
    // After this each goes for itself.
    expect(&ringfence.get("/x"), "MISS", "0");
    let mut slow = ringfence.client();
    slow.says(GET);
    let limit = Duration::from_secs(20);
    begun.recv_timeout(limit).expect("it is under way");
    expect(&ringfence.get("/x"), "MISS", "2");
    release.send(()).expect("it waits");
    expect(&slow.hears(), "MISS", "1");
    for _ in 0..12 {
        expect(&ringfence.get("/x"), "HIT", "2");
    }
}

#[test]
fn a_hit_on_one_core_is_one_on_the_others() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "");
    for number in 0..40 {
        let answer = ringfence.get("/x").expect(200);
        let served = if number == 0 { "MISS" } else { "HIT" };
        expect(&answer, served, "0");
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn those_who_wait_for_a_private_response_go_all_at_once() {
    let app = slow("Cache-Control: private\r\n", Duration::from_millis(500));
    let ringfence = start(&app, "");
    let began = Instant::now();
    let answers = at_once(&ringfence, 20);
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    let mut bodies: Vec<String> = answers.iter().map(Response::text).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 20, "each has a response of its own");
    // Nor does anybody wait later.
    let began = Instant::now();
    at_once(&ringfence, 20);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

/// A response that has to be asked about each time may not make a queue of those who want it.
#[test]
fn those_who_wait_for_a_response_that_has_to_be_validated_are_not_held_up() {
    let fields = "Cache-Control: no-cache\r\nETag: \"v\"\r\n";
    let app = slow(fields, Duration::from_millis(500));
    let ringfence = start(&app, "");
    let began = Instant::now();
    at_once(&ringfence, 20);
    assert!(
        began.elapsed() < Duration::from_millis(1900),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_fetch_goes_on_for_others_when_its_client_goes_away() {
    for patience in [0, 100] {
        let app = slow(KEPT, Duration::from_millis(500));
        let ringfence = start(&app, "");
        let mut first = ringfence.client();
        first.says(GET);
        eventually("it is asked for", || app.served() == 1);
        let mut others: Vec<Client> = (0..8).map(|_| ringfence.client()).collect();
        for client in &mut others {
            client.says(GET);
        }
        std::thread::sleep(Duration::from_millis(patience));
        first.resets();
        for client in &mut others {
            client.hears().expect(200);
        }
        assert!(app.served() <= 2, "{} requests", app.served());
    }
}

#[test]
fn a_fetch_that_fails_is_one_clients_failure() {
    let app = origin(|_, number| {
        std::thread::sleep(Duration::from_millis(300));
        match number {
            // The rest never comes, as the next answer would have to come first.
            0 => format!(
                "HTTP/1.1 200 X\r\n{KEPT}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno chunk\r\n"
            ),
            _ => ok(KEPT, "whole"),
        }
    });
    let ringfence = start(&app, "");
    let mut clients: Vec<Client> = (0..10).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.says(GET);
    }
    let heard = clients.iter_mut().map(Client::try_hears);
    let whole = heard.filter(|answer| matches!(answer, Ok(answer) if answer.text() == "whole"));
    assert_eq!(whole.count(), 9);
    assert!((2..=10).contains(&app.served()), "{}", app.served());
}

#[test]
fn a_client_that_reads_slowly_holds_nobody_up() {
    let app = origin(|_, _| ok(KEPT, &"x".repeat(8 << 20)));
    let ringfence = start(&app, "");
    let mut narrow = Client::connect_narrow(ringfence.address(), 4096);
    narrow.says(GET);
    eventually("it is asked for", || app.served() == 1);
    let began = Instant::now();
    let answer = ringfence.get("/x").expect(200);
    assert_eq!(answer.body.len(), 8 << 20);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

/// One with credentials says nothing of what others get.
#[test]
fn a_request_of_one_user_does_not_end_sharing_for_all() {
    let app = slow(KEPT, Duration::from_millis(300));
    let ringfence = start(&app, "");
    ask(&ringfence, "/x", "Authorization: a\r\n");
    app.forgets();
    at_once(&ringfence, 20);
    assert_eq!(app.served(), 1);
}

/// Nor does what is not kept, for reasons of its own.
#[test]
fn a_request_of_another_kind_does_not_end_sharing_for_all() {
    for (method, fields) in [
        ("HEAD", ""),
        ("GET", "Cache-Control: no-store\r\n"),
        ("GET", "X-HTTP-Method: a\r\n"),
    ] {
        let app = slow(KEPT, Duration::from_millis(300));
        let ringfence = start(&app, "");
        ringfence.client().asks(method, "/x", fields);
        app.forgets();
        at_once(&ringfence, 20);
        assert_eq!(app.served(), 1, "{method} {fields}");
    }
}

#[test]
fn a_reload_that_changes_the_upstream_forgets_what_it_said() {
    let one = origin(|_, _| ok(KEPT, "one"));
    let other = origin(|_, _| ok(KEPT, "other"));
    let ringfence = start(&one, "");
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "one");
    ringfence.reload(&cached(&other, "").replace("app", "other"));
    for _ in 0..6 {
        assert_eq!(ringfence.get("/x").text(), "other");
    }
    assert_eq!(client.gets("/x").text(), "other");
}

/// Servers come and go; what they said is as good as before.
#[test]
fn a_reload_that_only_exchanges_servers_keeps_what_is_stored() {
    let one = origin(|_, _| ok(KEPT, "one"));
    let other = origin(|_, _| ok(KEPT, "other"));
    let ringfence = start(&one, "");
    expect(&ringfence.get("/x"), "MISS", "one");
    ringfence.reload(&cached(&other, ""));
    for _ in 0..6 {
        expect(&ringfence.get("/x"), "HIT", "one");
    }
}

#[test]
fn a_reload_that_changes_the_rules_does_not_serve_what_they_forbid() {
    let app = numbered("Cache-Control: no-store\r\n");
    let ringfence = start(&app, "origin = \"ignore\"\nttl = \"1h\"");
    expect(&ringfence.get("/x"), "MISS", "0");
    expect(&ringfence.get("/x"), "HIT", "0");
    ringfence.reload(&cached(&app, ""));
    let gone = happens_within(Duration::from_secs(1), || ringfence.get("/x").text() != "0");
    assert!(gone, "it is served for as long as the old rules said");
}

#[test]
fn a_reload_that_changes_nothing_keeps_what_is_stored() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "");
    expect(&ringfence.get("/x"), "MISS", "0");
    ringfence.reload(&cached(&app, ""));
    assert_eq!(how(&ringfence.get("/x")), "HIT");
}

#[test]
fn the_cache_stays_within_its_size() {
    let app = origin(|_, _| ok(KEPT, &"x".repeat(100_000)));
    let config = format!("{}\n[cache]\nsize = \"16MiB\"\n", cached(&app, ""));
    let ringfence = Ringfence::start(&config);
    let before = ringfence.resident_kib();
    let mut client = ringfence.client();
    for number in 0..1000 {
        client.gets(&format!("/{number}")).expect(200);
    }
    let grown = ringfence.resident_kib().saturating_sub(before);
    assert!(grown < 48 << 10, "{grown} KiB for a cache of 16 MiB");
    // And the newest are still there.
    assert_eq!(how(&client.gets("/999")), "HIT");
}
