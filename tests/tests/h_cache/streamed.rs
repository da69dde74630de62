//! Those who wait for what another has asked for get it as it comes.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringfence_tests::kit::pattern;
use ringfence_tests::{Client, Launch, Origin, Visit, eventually};

use crate::gate::{GET, Gate, MANY, Until, asking};
use crate::{KEPT, cached, how, start};

/// An origin whose answers, kept under the tag `t`, go as far as the gate allows; `body` is given the number of the request.
fn gated(gate: &Gate, fields: &'static str, body: fn(usize) -> Vec<u8>) -> Origin {
    let gate = gate.clone();
    let count = AtomicUsize::new(0);
    Origin::serving("gated", move |visit| {
        while visit.request()?.is_some() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            answer(visit, &gate, fields, &body(number))?;
        }
        Ok(())
    })
}

fn answer(visit: &mut Visit, gate: &Gate, fields: &str, body: &[u8]) -> io::Result<()> {
    gate.wait(Until::Half);
    let length = body.len();
    visit.send(format!(
        "HTTP/1.1 200 OK\r\n{fields}Cache-Tag: t\r\nContent-Length: {length}\r\n\r\n"
    ))?;
    let (first, rest) = body.split_at(length / 2);
    visit.send(first)?;
    if gate.wait(Until::End) == Until::Death {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    visit.send(rest)
}

/// Another body for each request.
fn numbered(number: usize) -> Vec<u8> {
    let mut body = pattern(40_000);
    body[..4].copy_from_slice(format!("{number:04}").as_bytes());
    body
}

fn half(number: usize) -> Vec<u8> {
    numbered(number)[..20_000].to_vec()
}

fn rest(number: usize) -> Vec<u8> {
    numbered(number)[20_000..].to_vec()
}

/// The head that comes next, without its body.
#[track_caller]
fn hears_head(client: &mut Client) -> String {
    let head = client.hears_through("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("\r\nContent-Length: 40000\r\n"), "{head}");
    head
}

/// The head and the half that is there, of the answer to the request with that number.
#[track_caller]
fn hears_half(client: &mut Client, number: usize) {
    hears_head(client);
    assert_eq!(client.hears_bytes(20_000), half(number));
}

#[test]
fn what_is_there_is_passed_on_while_the_rest_is_withheld() {
    let gate = Gate::at(Until::Nothing);
    let app = gated(&gate, KEPT, numbered);
    let ringfence = start(&app, "");
    let mut first = asking(&ringfence, GET, 1);
    eventually("it is asked for", || app.served() == 1);
    // Some come before anything is there, and some late.
    let mut early = asking(&ringfence, GET, MANY);
    gate.opens(Until::Half);
    hears_half(&mut first[0], 0);
    let mut late = asking(&ringfence, GET, MANY);
    for client in early.iter_mut().chain(&mut late) {
        let head = hears_head(client);
        assert!(head.contains("; hit; collapsed; ttl="), "{head}");
        assert_eq!(client.hears_bytes(20_000), half(0));
    }
    for client in &mut late {
        client.hears_nothing(Duration::from_millis(1));
    }
    gate.opens(Until::End);
    for client in first.iter_mut().chain(&mut early).chain(&mut late) {
        assert_eq!(client.hears_bytes(20_000), rest(0));
        // The connection is as good as before, and the response is stored.
        let again = client.gets("/x");
        assert_eq!((how(&again), &again.body), ("HIT", &numbered(0)));
    }
    assert_eq!(app.served(), 1);
    let metrics = ringfence.metrics();
    let hits = [("route", "all"), ("outcome", "hit")];
    let hits = metrics.sum("ringfence_cache_requests_total", &hits);
    assert_eq!(hits as usize, 4 * MANY + 1);
}

#[test]
fn a_large_response_reaches_all_unchanged_by_one_fetch_on_many_cores() {
    const LENGTH: usize = 3 << 20;
    let app = Origin::serving("uneven", |visit| {
        while visit.request()?.is_some() {
            let body = pattern(LENGTH);
            visit.send(format!(
                "HTTP/1.1 200 OK\r\n{KEPT}Content-Length: {LENGTH}\r\n\r\n"
            ))?;
            let mut left = &body[..];
            for round in 1_usize.. {
                let (piece, after) = left.split_at(left.len().min(1 + round * 7919 % 65_536));
                visit.send(piece)?;
                left = after;
                if left.is_empty() {
                    break;
                }
                visit.pause(Duration::from_millis(round as u64 * 31 % 5));
            }
        }
        Ok(())
    });
    let ringfence = Launch::config_on(4, &cached(&app, "")).start();
    let mut clients = asking(&ringfence, GET, 50);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(20));
        clients.extend(asking(&ringfence, GET, 50));
    }
    let whole = pattern(LENGTH);
    for client in &mut clients {
        let answer = client.hears().expect(200);
        assert!(answer.body == whole, "a body was changed");
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn who_does_not_read_holds_nobody_up() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate, KEPT, |_| pattern(8 << 20));
    let ringfence = start(&app, "");
    // The one that it is fetched for, and some that join it.
    let mut narrow = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect_narrow(ringfence.address(), 4096);
        client.says(GET);
        narrow.push(client);
        eventually("it is asked for", || app.served() == 1);
    }
    let mut others = asking(&ringfence, GET, MANY);
    gate.opens(Until::End);
    let whole = pattern(8 << 20);
    for client in &mut others {
        assert!(client.hears().expect(200).body == whole);
    }
    assert_eq!(how(&ringfence.get("/x")), "HIT");
    for client in &mut narrow {
        assert!(client.hears().expect(200).body == whole);
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn a_fetch_goes_on_when_its_client_goes_away_half_way() {
    for others in [0, MANY] {
        let gate = Gate::at(Until::Half);
        let app = gated(&gate, KEPT, numbered);
        let ringfence = start(&app, "");
        let mut first = asking(&ringfence, GET, 1).remove(0);
        hears_half(&mut first, 0);
        let mut others = asking(&ringfence, GET, others);
        for client in &mut others {
            hears_half(client, 0);
        }
        first.resets();
        gate.opens(Until::End);
        for client in &mut others {
            assert_eq!(client.hears_bytes(20_000), rest(0));
        }
        eventually("it is stored", || how(&ringfence.get("/x")) == "HIT");
        assert_eq!(app.served(), 1);
    }
}

#[test]
fn what_is_cut_off_is_so_for_all_and_looks_whole_to_nobody() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate, KEPT, numbered);
    let ringfence = start(&app, "");
    let mut clients = asking(&ringfence, GET, 1);
    hears_half(&mut clients[0], 0);
    let mut joined = asking(&ringfence, GET, MANY);
    for client in &mut joined {
        hears_half(client, 0);
    }
    clients.extend(joined);
    gate.opens(Until::Death);
    for client in &mut clients {
        assert!(client.is_closed_within(Duration::from_secs(10)));
        assert_eq!(client.hears_out(), b"", "more than had come");
    }
    gate.opens(Until::End);
    assert_eq!(ringfence.get("/x").expect(200).body, numbered(1));
    assert_eq!(how(&ringfence.get("/x")), "HIT");
}

#[test]
fn nobody_joins_what_was_asked_for_before_a_purge() {
    for (path, body) in [
        ("all", r#"{"all": true}"#),
        ("tag", r#"{"tags": ["t"]}"#),
        ("soft", r#"{"tags": ["t"], "soft": true}"#),
        ("url", r#"{"urls": ["http://test.example/x"]}"#),
    ] {
        let gate = Gate::at(Until::Half);
        let app = gated(&gate, KEPT, numbered);
        let ringfence = start(&app, "");
        let mut before = asking(&ringfence, GET, 1);
        hears_half(&mut before[0], 0);
        before.extend(asking(&ringfence, GET, MANY));
        for client in &mut before[1..] {
            hears_half(client, 0);
        }
        let length = body.len();
        Client::connect(ringfence.admin())
            .says(format!(
                "POST /cache/purge HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .hears()
            .expect(200);
        let mut after = asking(&ringfence, GET, MANY);
        for client in &mut after {
            hears_half(client, 1);
        }
        gate.opens(Until::End);
        for (clients, number) in [(&mut before, 0), (&mut after, 1)] {
            for client in clients {
                assert_eq!(client.hears_bytes(20_000), rest(number), "{path}");
            }
        }
        assert_eq!(app.served(), 2, "{path}");
        for _ in 0..MANY {
            assert_eq!(ringfence.get("/x").body, numbered(1), "{path}");
        }
        assert_eq!(app.served(), 2, "{path}");
    }
}

#[test]
fn a_purge_of_something_else_ends_no_sharing() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate, KEPT, numbered);
    let ringfence = start(&app, "");
    let mut clients = asking(&ringfence, GET, 1);
    hears_half(&mut clients[0], 0);
    let socket = ringfence.dir().join("control.sock").display().to_string();
    ringfence_tests::command(&["purge", "--control", &socket, "--tag", "other"]).succeeded();
    clients.extend(asking(&ringfence, GET, MANY));
    for client in &mut clients[1..] {
        hears_half(client, 0);
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn who_has_it_already_is_told_so_at_once_and_who_wants_a_part_gets_that() {
    let gate = Gate::at(Until::Half);
    let fields = "Cache-Control: max-age=600\r\nETag: \"v\"\r\n";
    let app = gated(&gate, fields, numbered);
    let ringfence = start(&app, "");
    let mut first = asking(&ringfence, GET, 1).remove(0);
    hears_half(&mut first, 0);
    let with = |field: &str| GET.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    for client in &mut asking(&ringfence, &with("If-None-Match: \"v\""), MANY) {
        client.hears().expect(304);
    }
    for client in &mut asking(&ringfence, &with("If-None-Match: \"w\""), MANY) {
        hears_half(client, 0);
    }
    assert_eq!(app.served(), 1);
    gate.opens(Until::End);
    first.hears_bytes(20_000);
    let part = ringfence.client().asks("GET", "/x", "Range: bytes=2-5\r\n");
    assert_eq!(part.expect(206).body, numbered(0)[2..6]);
}

#[test]
fn old_clients_and_those_that_say_close_are_answered_as_they_ask() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate, KEPT, numbered);
    let ringfence = start(&app, "");
    let mut first = asking(&ringfence, GET, 1).remove(0);
    hears_half(&mut first, 0);
    let old = GET.replace("1.1", "1.0");
    let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut clients = asking(&ringfence, &old, 4);
    clients.extend(asking(&ringfence, &last, 4));
    for client in &mut clients {
        hears_half(client, 0);
    }
    gate.opens(Until::End);
    for client in &mut clients {
        assert_eq!(client.hears_bytes(20_000), rest(0));
        client.hears_close();
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn who_would_get_another_response_does_not_join() {
    let gate = Gate::at(Until::Half);
    let inner = gate.clone();
    let app = Origin::serving("varying", move |visit| {
        while let Some(request) = visit.request()? {
            let mut body = numbered(0);
            body[0] = request
                .field("accept-language")
                .map_or(b'-', |l| l.as_bytes()[0]);
            let fields = format!("{KEPT}Vary: Accept-Language\r\n");
            answer(visit, &inner, &fields, &body)?;
        }
        Ok(())
    });
    let ringfence = start(&app, "");
    let with = |language: &str| {
        GET.replace(
            "\r\n\r\n",
            &format!("\r\nAccept-Language: {language}\r\n\r\n"),
        )
    };
    let mut first = asking(&ringfence, &with("en"), 1).remove(0);
    hears_head(&mut first);
    let mut same = asking(&ringfence, &with("en"), MANY);
    for client in &mut same {
        hears_head(client);
        assert_eq!(client.hears_bytes(20_000)[0], b'e');
    }
    let mut others = asking(&ringfence, &with("de"), MANY);
    gate.opens(Until::End);
    for client in &mut others {
        let answer = client.hears().expect(200);
        assert_eq!((answer.body[0], answer.body.len()), (b'd', 40_000));
    }
    assert!(app.served() < MANY, "they share one of their own");
}

/// Their requests say that what is fetched for others is not for them.
#[test]
fn who_insists_on_a_response_of_his_own_gets_one() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate, KEPT, numbered);
    let ringfence = start(&app, "");
    let mut first = asking(&ringfence, GET, 1).remove(0);
    hears_half(&mut first, 0);
    let insisting = GET.replace("\r\n\r\n", "\r\nCache-Control: no-cache\r\n\r\n");
    let mut insisting = asking(&ringfence, &insisting, 1);
    gate.opens(Until::End);
    assert_eq!(insisting[0].hears().expect(200).body, numbered(1));
}
