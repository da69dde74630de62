//! Stopping: what is in flight finishes, what is idle leaves, nothing new is let in, and it ends.

use std::time::{Duration, Instant};

use ringfence_tests::load::Shape;
use ringfence_tests::{Client, Load, Origin, Ringfence, eventually, site};
use rustix::process::Signal;

fn start(drain: &str) -> (Origin, Ringfence) {
    let origin = Origin::kit("a");
    let config = format!("{}\n[timeouts]\ndrain = \"{drain}\"\n", site(&[&origin]));
    (origin, Ringfence::start(&config))
}

#[test]
fn an_idle_process_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_origin, mut ringfence) = start("30s");
        let mut idle = ringfence.client();
        idle.gets("/").expect(200);
        let begun = Instant::now();
        ringfence.signal(signal);
        idle.hears_close();
        assert!(ringfence.ends().success());
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn the_stop_command_waits_for_requests_in_flight() {
    let (_origin, mut ringfence) = start("30s");
    let mut client = ringfence.client();
    client.says("GET /sleep/900 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let socket = ringfence.dir().join("control.sock").display().to_string();
    ringfence_tests::command(&["stop", "--control", &socket, "--timeout", "0.2"])
        .failed_saying(&["still drains", "--timeout"]);
    ringfence_tests::command(&["stop", "--control", &socket]).succeeded();
    assert!(
        ringfence.exit_status().is_some(),
        "it said that it had stopped"
    );
    client.hears().expect(200);
}

#[test]
fn the_stop_command_waits_for_the_end() {
    let (_origin, mut ringfence) = start("30s");
    ringfence.control("stop").succeeded();
    assert!(ringfence.ends().success());
    ringfence_tests::command(&["stop", "--control", "/nonexistent/control.sock"])
        .failed_saying(&["/nonexistent/control.sock"]);
}

#[test]
fn requests_in_flight_finish() {
    let (_origin, mut ringfence) = start("10s");
    let mut slow = ringfence.client();
    slow.says("GET /sleep/800 HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut dripping = ringfence.client();
    dripping.says("GET /drip/10/80 HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut sending = ringfence.client();
    sending.says("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf.");
    std::thread::sleep(Duration::from_millis(150));
    ringfence.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(150));
    sending.says("half.");
    for client in [&mut slow, &mut dripping, &mut sending] {
        client.hears().expect(200);
        client.hears_close();
    }
    assert!(ringfence.ends().success());
}

#[test]
fn answers_during_a_drain_say_close() {
    let (_origin, mut ringfence) = start("10s");
    let mut slow = ringfence.client();
    slow.says("GET /sleep/500 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    ringfence.signal(Signal::TERM);
    let answer = slow.hears().expect(200);
    assert!(answer.closes(), "{:?}", answer.fields);
    assert!(ringfence.ends().success());
}

#[test]
fn nothing_new_is_let_in() {
    let (_origin, mut ringfence) = start("10s");
    let mut slow = ringfence.client();
    slow.says("GET /sleep/1500 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    ringfence.signal(Signal::TERM);
    eventually("new connections are refused", || {
        Client::try_connect(ringfence.address()).is_err()
    });
    slow.hears().expect(200);
    assert!(ringfence.ends().success());
}

#[test]
fn a_drain_has_a_limit() {
    let (_origin, mut ringfence) = start("500ms");
    let mut endless = ringfence.client();
    endless.says("GET /drip/1000/100 HTTP/1.1\r\nHost: h\r\n\r\n");
    endless.hears_through("\r\n\r\n");
    let begun = Instant::now();
    ringfence.signal(Signal::TERM);
    ringfence.ends();
    let took = begun.elapsed();
    assert!(
        took > Duration::from_millis(400) && took < Duration::from_secs(4),
        "{took:?}"
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (_origin, mut ringfence) = start("30s");
    let mut endless = ringfence.client();
    endless.says("GET /drip/1000/100 HTTP/1.1\r\nHost: h\r\n\r\n");
    endless.hears_through("\r\n\r\n");
    ringfence.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    ringfence.signal(Signal::TERM);
    let begun = Instant::now();
    ringfence.ends();
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_stop_under_load_loses_no_request_that_was_begun() {
    let (_origin, mut ringfence) = start("10s");
    let mut shapes = vec![Shape::get("/"); 8];
    shapes.push(Shape::get("/sleep/50"));
    let load = Load::start(ringfence.address(), shapes);
    std::thread::sleep(Duration::from_millis(500));
    ringfence.signal(Signal::TERM);
    assert!(ringfence.ends().success());
    let report = load.stop();
    // That nobody listens any more is no loss. A connection that the kernel had set up and nobody
    // had accepted ends in a reset.
    let lost: Vec<_> = report
        .failures
        .iter()
        .filter(|line| !line.contains("reset"))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(report.good > 100);
}
