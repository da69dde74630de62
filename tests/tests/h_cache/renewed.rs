//! What is stored after its origin has said that it still holds.

use ringfence_tests::{Client, Origin};

use crate::{expect, how, ok, origin, start};

/// An origin that says `whole` of its answer, and `again` of it when it is asked whether it still holds.
fn renewing(whole: &'static str, again: &'static str) -> Origin {
    origin(
        move |request, number| match request.field("if-none-match") {
            Some(_) => format!("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n{again}\r\n"),
            None => ok(&format!("ETag: \"1\"\r\n{whole}"), &number.to_string()),
        },
    )
}

/// Has what is stored validated.
fn validate(client: &mut Client) {
    let answer = client.asks("GET", "/x", "Cache-Control: no-cache\r\n");
    expect(&answer.expect(200), "REVALIDATED", "0");
}

#[test]
fn the_routes_rules_go_on_to_hold() {
    for rules in ["ttl = \"10m\"", "ttl = \"10m\"\norigin = \"ignore\""] {
        let again = match rules.contains("ignore") {
            true => "Cache-Control: no-cache\r\n",
            false => "",
        };
        let app = renewing("", again);
        let ringfence = start(&app, rules);
        let mut client = ringfence.client();
        client.gets("/x").expect(200);
        validate(&mut client);
        expect(&client.gets("/x").expect(200), "HIT", "0");
    }
}

#[test]
fn what_may_be_kept_no_more_is_not() {
    for again in ["private", "no-store"] {
        let field = match again {
            "private" => "Cache-Control: private\r\n",
            _ => "Cache-Control: no-store\r\n",
        };
        let app = renewing("Cache-Control: max-age=600\r\n", field);
        let ringfence = start(&app, "");
        let mut client = ringfence.client();
        client.gets("/x").expect(200);
        validate(&mut client);
        let answer = client.gets("/x").expect(200);
        assert_eq!((how(&answer), app.served()), ("MISS", 3), "{again}");
    }
}

#[test]
fn what_one_request_does_not_let_be_kept_stays_as_it_was() {
    // What must not be stored is not asked for in a form that could be.
    let whole = ("Cache-Control: no-store", ("MISS", "1"));
    for (fields, (outcome, body)) in [("Authorization: Basic YTph", ("REVALIDATED", "0")), whole] {
        let app = renewing("Cache-Control: max-age=600\r\n", "");
        let ringfence = start(&app, "");
        let mut client = ringfence.client();
        client.gets("/x").expect(200);
        let asking = format!("{fields}\r\nCache-Control: no-cache\r\n");
        let answer = client.asks("GET", "/x", &asking).expect(200);
        expect(&answer, outcome, body);
        expect(&client.gets("/x").expect(200), "HIT", "0");
    }
}
