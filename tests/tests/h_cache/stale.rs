//! What is stale, and answers all the same where the origin fails.

use std::time::Duration;

use ringfence_tests::{Origin, Response, Ringfence};

use crate::{expect, how, numbered, ok, origin, respond, start};

/// What the second of two requests gets, between which the response becomes stale and the origin dies.
fn after_death(control: &'static str, lines: &str, fields: &str) -> Response {
    let mut app = origin(move |_, _| ok(&format!("Cache-Control: {control}\r\n"), "old"));
    let ringfence = start(&app, lines);
    let mut client = ringfence.client();
    client.gets("/x").expect(200);
    app.dies();
    std::thread::sleep(Duration::from_millis(2100));
    client.asks("GET", "/x", fields)
}

#[test]
fn a_dead_origin_is_stood_in_for() {
    let answer = after_death("max-age=1", "", "").expect(200);
    expect(&answer, "STALE", "old");
    let status = answer.field("cache-status").unwrap_or_default();
    assert!(
        status.contains("fwd=stale") && status.contains("ttl=-"),
        "{status}"
    );
    let age = answer.field("age").and_then(|age| age.parse::<u64>().ok());
    assert!(age.is_some_and(|age| age >= 2), "{age:?}");
}

#[test]
fn unless_the_response_forbids() {
    for control in [
        "max-age=1, must-revalidate",
        "max-age=1, proxy-revalidate",
        "s-maxage=1",
    ] {
        let answer = after_death(control, "", "");
        assert!(answer.status >= 500, "{control} {}", answer.status);
        assert_ne!(how(&answer), "STALE", "{control}");
    }
}

#[test]
fn serve_stale_comes_before_what_the_response_says() {
    let answer = after_death("max-age=1, must-revalidate", "serve_stale = \"1h\"", "");
    expect(&answer.expect(200), "STALE", "old");
}

/// An origin that answers once, and with `status` from then on; what a client gets then.
fn after_error(status: u16, control: &'static str, lines: &str) -> Response {
    let app = origin(move |_, number| match number {
        0 => ok(&format!("Cache-Control: {control}\r\n"), "old"),
        _ => respond(status, "", "error"),
    });
    let ringfence = start(&app, lines);
    let mut client = ringfence.client();
    client.gets("/x").expect(200);
    std::thread::sleep(Duration::from_millis(2100));
    client.gets("/x")
}

#[test]
fn an_error_is_passed_on_where_nothing_allows_otherwise() {
    assert_eq!(
        after_error(503, "max-age=1", "").expect(503).text(),
        "error"
    );
}

#[test]
fn stale_if_error_stands_in_for_errors() {
    for status in [500, 502, 503, 504] {
        let answer = after_error(status, "max-age=1, stale-if-error=60", "");
        expect(&answer.expect(200), "STALE", "old");
    }
    let answer = after_error(500, "max-age=1", "stale_if_error = \"1m\"");
    expect(&answer.expect(200), "STALE", "old");
    let answer = after_error(500, "max-age=1", "serve_stale = \"1m\"");
    expect(&answer.expect(200), "STALE", "old");
    after_error(404, "max-age=1, stale-if-error=60", "").expect(404);
    after_error(500, "max-age=1, stale-if-error=1", "").expect(500);
    after_error(500, "max-age=1, stale-if-error=60, must-revalidate", "").expect(500);
}

#[test]
fn a_dead_origin_with_nothing_stored_is_an_error() {
    let app = Origin::absent("app");
    let ringfence = start(&app, "serve_stale = \"1h\"");
    assert!(ringfence.get("/x").status >= 502);
}

#[test]
fn an_origin_that_cannot_be_understood_is_stood_in_for() {
    let app = origin(|_, number| match number {
        0 => ok("Cache-Control: max-age=1\r\n", "old"),
        _ => "no HTTP at all\r\n\r\n".into(),
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    client.gets("/x").expect(200);
    std::thread::sleep(Duration::from_millis(2100));
    expect(&client.gets("/x").expect(200), "STALE", "old");
}

#[test]
fn a_client_that_takes_stale_responses_gets_one() {
    let app = numbered("Cache-Control: max-age=1\r\n");
    let ringfence = Ringfence::start(&crate::cached(&app, ""));
    let mut client = ringfence.client();
    client.gets("/x").expect(200);
    std::thread::sleep(Duration::from_millis(2100));
    expect(
        &client.asks("GET", "/x", "Cache-Control: max-stale=60\r\n"),
        "STALE",
        "0",
    );
    expect(
        &client.asks("GET", "/x", "Cache-Control: max-stale=0\r\n"),
        "EXPIRED",
        "1",
    );
}
