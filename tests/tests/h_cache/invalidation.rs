//! What requests that change something make the cache forget.

use ringfence_tests::{Ringfence, get};

use crate::{KEPT, expect, numbered, ok, origin, respond, start, two_routes};

#[test]
fn a_request_that_changes_something_invalidates_its_url() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "X-METHOD"] {
        let app = numbered(KEPT);
        let ringfence = start(&app, "");
        let mut client = ringfence.client();
        expect(&client.gets("/x?a"), "MISS", "0");
        client.gets("/x?b");
        client.sends(method, "/x?a", b"").expect(200);
        // Nobody gets the old one, whichever core answers.
        for _ in 0..8 {
            assert_ne!(ringfence.get("/x?a").text(), "0", "{method}");
        }
        expect(&client.gets("/x?b"), "HIT", "1");
    }
}

#[test]
fn what_failed_or_changes_nothing_invalidates_nothing() {
    let app = origin(|request, number| match &*request.method {
        "GET" => ok(KEPT, &number.to_string()),
        "OPTIONS" => ok("", ""),
        _ => respond(500, "", ""),
    });
    let ringfence = start(&app, "");
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "0");
    client.sends("POST", "/x", b"").expect(500);
    client.asks("OPTIONS", "/x", "").expect(200);
    expect(&client.gets("/x"), "HIT", "0");
}

#[test]
fn what_a_response_names_is_invalidated_on_the_same_host_only() {
    for (field, gone) in [
        ("Location: /x", true),
        ("Location: x", true),
        ("Location: ./y/../x#part", true),
        ("Location: http://test.example/x", true),
        ("Location: //TEST.example/x", true),
        ("Content-Location: /x", true),
        ("Location: http://other.example/x", false),
        ("Location: //other.example/x", false),
        ("Location: /y", false),
    ] {
        let app = origin(move |request, number| match &*request.method {
            "POST" => respond(201, &format!("{field}\r\n"), ""),
            _ => ok(KEPT, &number.to_string()),
        });
        let ringfence = start(&app, "");
        let mut client = ringfence.client();
        expect(&client.gets("/x"), "MISS", "0");
        client.sends("POST", "/list", b"").expect(201);
        let expected = if gone { "2" } else { "0" };
        assert_eq!(client.gets("/x").text(), expected, "{field}");
    }
}

/// The URL counts as far as the key says that it does, however it was spelt.
#[test]
fn another_spelling_of_the_url_invalidates_it_too() {
    for (lines, stored, changed) in [
        ("", "/x?q=~", "/x?q=%7e"),
        ("", "/x", "/a/../x"),
        ("key = { query = \"none\" }", "/x?a", "/x"),
        ("key = { drop = [\"utm_*\"] }", "/x?utm_a=1", "/x"),
        ("key = { sort = true }", "/x?a=1&b=2", "/x?b=2&a=1"),
    ] {
        let app = numbered(KEPT);
        let ringfence = start(&app, lines);
        let mut client = ringfence.client();
        expect(&client.gets(stored), "MISS", "0");
        client.sends("POST", changed, b"").expect(200);
        assert_eq!(client.gets(stored).text(), "2", "{changed} {lines}");
    }
}

#[test]
fn what_was_asked_for_before_a_change_is_not_kept_after_it() {
    let app = ringfence_tests::Origin::serving("app", |visit| {
        while let Some(request) = visit.request()? {
            if request.method == "GET" {
                visit.pause(std::time::Duration::from_millis(500));
            }
            visit.send(ok(KEPT, "x"))?;
        }
        Ok(())
    });
    let ringfence = start(&app, "");
    let mut slow = ringfence.client();
    slow.says("GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n");
    ringfence_tests::eventually("it is asked for", || app.served() == 1);
    ringfence.client().sends("POST", "/x", b"").expect(200);
    slow.hears().expect(200);
    expect(&ringfence.get("/x"), "MISS", "x");
}

#[test]
fn a_route_purges_by_tags() {
    let pages = numbered("Cache-Control: max-age=600\r\nCache-Tag: page\r\n");
    let api = numbered("");
    let config = two_routes(
        [&pages, &api],
        [
            "path = \"/user/{id}\"\n[route.cache]\ntags = [\"user:{id}\"]",
            "path = \"/api/{id}\"\npurges = [\"user:{id}\"]",
        ],
    );
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    for path in ["/user/1", "/user/2"] {
        client.gets(path).expect(200);
    }
    client.asks("GET", "/api/1", "").expect(200);
    expect(&client.gets("/user/1"), "HIT", "0");
    client.sends("POST", "/api/1", b"").expect(200);
    for _ in 0..8 {
        assert_ne!(get(ringfence.address(), "/user/1").text(), "0");
    }
    expect(&client.gets("/user/2"), "HIT", "1");
}
