//! What a route can say of its cache.

use ringfence_tests::{Ringfence, site_with, upstream_table};

use crate::{KEPT, ask, asked, expect, how, numbered, ok, origin, respond, start, two_routes};

#[test]
fn a_word_is_enough() {
    let app = numbered(KEPT);
    let ringfence = Ringfence::start(&site_with(&[&app], "cache = true", ""));
    asked(&mut ringfence.client(), &app, ["", ""], 1);
}

#[test]
fn ttl_is_for_what_says_nothing_itself() {
    for (status, fields, lines, times) in [
        (200, "", "ttl = \"5m\"", 1),
        (404, "", "ttl = \"5m\"", 1),
        (500, "", "ttl = \"5m\"", 2),
        (500, "", "ttl = { 5xx = \"5m\" }", 1),
        (200, "", "ttl = { 5xx = \"5m\" }", 2),
        (200, "Cache-Control: no-store\r\n", "ttl = \"5m\"", 2),
        (200, "Cache-Control: private\r\n", "ttl = \"5m\"", 2),
        (200, "Cache-Control: max-age=0\r\n", "ttl = \"5m\"", 2),
        (200, "Expires: 0\r\n", "ttl = \"5m\"", 2),
        (
            200,
            "Content-Type: image/png\r\n",
            "types = { \"image/*\" = \"1d\" }",
            1,
        ),
        (
            200,
            "Content-Type: text/html\r\n",
            "types = { \"image/*\" = \"1d\" }",
            2,
        ),
        (
            404,
            "Content-Type: image/png\r\n",
            "types = { \"image/*\" = \"1d\" }",
            2,
        ),
    ] {
        let app = origin(move |_, _| respond(status, fields, "x"));
        let ringfence = start(&app, lines);
        let said = format!("{status} {fields} {lines}");
        println!("{said}");
        asked(&mut ringfence.client(), &app, ["", ""], times);
    }
}

#[test]
fn the_servers_word_may_be_ignored() {
    for (fields, times) in [
        ("Cache-Control: no-store\r\n", 1),
        ("Cache-Control: private, max-age=0\r\n", 1),
        ("Expires: 0\r\nPragma: no-cache\r\n", 1),
        ("Vary: *\r\n", 2),
    ] {
        let app = numbered(fields);
        let ringfence = start(&app, "origin = \"ignore\"\nttl = { 200 = \"5m\" }");
        println!("{fields}");
        asked(&mut ringfence.client(), &app, ["", ""], times);
    }
    let app = origin(|_, _| respond(404, KEPT, ""));
    let ringfence = start(&app, "origin = \"ignore\"\nttl = { 200 = \"5m\" }");
    asked(&mut ringfence.client(), &app, ["", ""], 2);
    // Credentials are not the server's word.
    let app = numbered(KEPT);
    let ringfence = start(&app, "origin = \"ignore\"\nttl = \"5m\"");
    asked(
        &mut ringfence.client(),
        &app,
        ["Authorization: a\r\n", ""],
        2,
    );
}

#[test]
fn browsers_may_be_told_something_else() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "browser = \"no-store\"");
    let mut client = ringfence.client();
    for served in ["MISS", "HIT"] {
        let answer = client.gets("/x");
        expect(&answer, served, "0");
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
}

#[test]
fn requests_may_pass_by() {
    let app = numbered(KEPT);
    let lines =
        "bypass = { cookies = [\"admin\"], headers = [\"X-Preview\"], query = [\"draft_*\"] }";
    let ringfence = start(&app, lines);
    let mut client = ringfence.client();
    expect(&client.gets("/x"), "MISS", "0");
    for fields in [
        "Cookie: a=1; admin=\r\n",
        "X-Preview:\r\n",
        "X-PREVIEW: 1\r\n",
    ] {
        let answer = client.asks("GET", "/x", fields);
        assert_eq!(how(&answer), "BYPASS", "{fields}");
    }
    for query in ["draft_a", "a=1&draft_b=2"] {
        assert_eq!(
            how(&client.gets(&format!("/x?{query}"))),
            "BYPASS",
            "{query}"
        );
    }
    for fields in [
        "Cookie: Admin=1\r\n",
        "Cookie: a=admin\r\n",
        "X-Preview-A: 1\r\n",
    ] {
        expect(&client.asks("GET", "/x", fields), "HIT", "0");
    }
    // Nor was any of them kept.
    expect(&client.gets("/x"), "HIT", "0");
}

#[test]
fn a_bypass_is_not_dodged_by_another_spelling() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "bypass = { query = [\"preview\"] }");
    let answer = ringfence.get("/x?%70review=1");
    assert_eq!(how(&answer), "BYPASS");
}

#[test]
fn what_is_asked_for_seldom_is_not_kept() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "min_uses = 3");
    let mut client = ringfence.client();
    for (served, body) in [("MISS", "0"), ("MISS", "1"), ("MISS", "2"), ("HIT", "2")] {
        expect(&client.gets("/x"), served, body);
    }
}

#[test]
fn head_may_be_left_to_the_origin() {
    let app = numbered(KEPT);
    let ringfence = start(&app, "methods = [\"GET\"]");
    let mut client = ringfence.client();
    client.gets("/x");
    assert_eq!(how(&client.asks("HEAD", "/x", "")), "BYPASS");
    expect(&client.gets("/x"), "HIT", "0");
}

/// Two requests, and whether they are given the same.
#[track_caller]
fn share(lines: &str, requests: [(&str, &str); 2], same: bool) {
    let app = numbered(KEPT);
    let ringfence = start(&app, lines);
    let [one, other] = requests.map(|(path, fields)| ask(&ringfence, path, fields).text());
    assert_eq!(one == other, same, "{lines} {requests:?}");
}

#[test]
fn the_key_is_made_of_what_counts() {
    share("", [("/x?a=1", ""), ("/x?a=2", "")], false);
    share("", [("/x", ""), ("/x?", "")], false);
    share(
        "key = { query = \"none\" }",
        [("/x?a=1", ""), ("/x?a=2", "")],
        true,
    );
    share(
        "key = { drop = [\"utm_*\"] }",
        [("/x?utm_a=1&b", ""), ("/x?b", "")],
        true,
    );
    share(
        "key = { drop = [\"utm_*\"] }",
        [("/x?utm_a=1&b", ""), ("/x?c", "")],
        false,
    );
    share(
        "key = { keep = [\"a\"] }",
        [("/x?a=1&b=1", ""), ("/x?b=2&a=1", "")],
        true,
    );
    share(
        "key = { keep = [\"a\"] }",
        [("/x?a=1", ""), ("/x?a=2", "")],
        false,
    );
    share(
        "key = { sort = true }",
        [("/x?a=1&b=1", ""), ("/x?b=1&a=1", "")],
        true,
    );
    share("", [("/x?a=1&b=1", ""), ("/x?b=1&a=1", "")], false);
    let headers = "key = { headers = [\"X-A\"] }";
    share(headers, [("/x", "X-A: 1\r\n"), ("/x", "x-a: 1\r\n")], true);
    share(headers, [("/x", "X-A: 1\r\n"), ("/x", "X-A: 2\r\n")], false);
    share(headers, [("/x", "X-A:\r\n"), ("/x", "")], false);
    let cookies = "key = { cookies = [\"a\"] }";
    share(
        cookies,
        [
            ("/x", "Cookie: a=1; b=1\r\n"),
            ("/x", "Cookie: b=2; a=1\r\n"),
        ],
        true,
    );
    share(
        cookies,
        [("/x", "Cookie: a=1\r\n"), ("/x", "Cookie: a=2\r\n")],
        false,
    );
    let agents = ["User-Agent: Mobi\r\n", "User-Agent: iPad\r\n"];
    share(
        "key = { device = true }",
        [("/x", agents[0]), ("/x", agents[1])],
        false,
    );
    share("", [("/x", agents[0]), ("/x", agents[1])], true);
}

/// The server takes `%61` for `a`, so what it answers depends on it.
#[test]
fn a_parameter_that_counts_does_so_however_it_is_spelt() {
    share(
        "key = { keep = [\"a\"] }",
        [("/x?%61=1", ""), ("/x", "")],
        false,
    );
    share(
        "key = { keep = [\"a\"] }",
        [("/x?%61=1", ""), ("/x?%61=2", "")],
        false,
    );
}

#[test]
fn no_two_sets_of_headers_have_one_key() {
    let lines = "key = { headers = [\"X-A\", \"X-B\"] }";
    share(lines, [("/x", "X-A:\r\n"), ("/x", "X-B:\r\n")], false);
    share(
        lines,
        [("/x", "X-A:\r\nX-A: 1\r\n"), ("/x", "X-B: 1\r\nX-B:\r\n")],
        false,
    );
}

#[test]
fn hosts_are_apart_unless_they_do_not_count() {
    for (lines, same) in [("", false), ("key = { host = false }", true)] {
        let app = numbered(KEPT);
        let ringfence = start(&app, lines);
        let text = |host: &str| {
            let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
            ringfence.client().says(request).hears().text()
        };
        assert_eq!(text("a.example"), text("A.EXAMPLE"));
        assert_eq!(text("a.example") == text("b.example"), same, "{lines}");
    }
}

#[test]
fn users_may_have_caches_of_their_own() {
    let app = origin(|request, _| {
        let user = request.field("authorization").unwrap_or("nobody");
        ok("Cache-Control: private, max-age=600\r\n", user)
    });
    let ringfence = start(&app, "per_user = \"authorization\"");
    for served in ["MISS", "HIT"] {
        for user in ["a", "b"] {
            let answer = ask(&ringfence, "/x", &format!("Authorization: {user}\r\n"));
            expect(&answer, served, user);
        }
        expect(&ringfence.get("/x"), "MISS", "nobody");
    }
    let app = origin(|request, _| {
        let user = request.field("cookie").unwrap_or("nobody");
        ok("Cache-Control: private, max-age=600\r\n", user)
    });
    let ringfence = start(&app, "per_user = { cookie = \"id\" }");
    for served in ["MISS", "HIT"] {
        for user in ["id=a", "x=1; id=b"] {
            let answer = ask(&ringfence, "/x", &format!("Cookie: {user}\r\n"));
            expect(&answer, served, user);
        }
    }
}

#[test]
fn tags_are_for_us_unless_they_are_to_be_seen() {
    let fields = "Cache-Control: max-age=600\r\nCache-Tag: a\r\nSurrogate-Key: b c\r\nxkey: d\r\n";
    for (lines, seen) in [("", false), ("expose_tags = true", true)] {
        let app = numbered(fields);
        let ringfence = start(&app, lines);
        let mut client = ringfence.client();
        for served in ["MISS", "HIT"] {
            let answer = client.gets("/x");
            expect(&answer, served, "0");
            for name in ["cache-tag", "surrogate-key", "xkey"] {
                assert_eq!(answer.field(name).is_some(), seen, "{name}");
            }
        }
    }
}

#[test]
fn a_response_with_more_tags_than_may_be_is_not_kept() {
    let app = origin(|_, number| {
        let tags: Vec<String> = (0..200).map(|tag| format!("t{tag}")).collect();
        ok(
            &format!("{KEPT}Cache-Tag: {}\r\n", tags.join(",")),
            &number.to_string(),
        )
    });
    let ringfence = start(&app, "");
    asked(&mut ringfence.client(), &app, ["", ""], 2);
}

#[test]
fn routes_that_differ_in_what_they_match_never_share() {
    let (beta, all) = (
        origin(|_, _| ok(KEPT, "beta")),
        origin(|_, _| ok(KEPT, "all")),
    );
    let config = two_routes(
        [&beta, &all],
        ["headers = { X-Beta = \"1\" }\ncache = true", "cache = true"],
    );
    let ringfence = Ringfence::start(&config);
    for served in ["MISS", "HIT"] {
        expect(&ask(&ringfence, "/x", "X-Beta: 1\r\n"), served, "beta");
        expect(&ringfence.get("/x"), served, "all");
    }
}

/// The header chose the route, so the server may well answer by it, whatever it says of Vary.
#[test]
fn nor_do_they_where_both_lead_to_the_same_upstream() {
    let app = origin(|request, _| ok(KEPT, request.field("x-beta").unwrap_or("all")));
    let route = |lines: &str| {
        let upstream = "upstream = \"app\"\ncache = true";
        format!("\n[[route]]\n{upstream}\n{lines}\n")
    };
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}{}",
        route("headers = { X-Beta = \"1\" }"),
        route(""),
        upstream_table("app", &[&app], "")
    );
    let ringfence = Ringfence::start(&config);
    for served in ["MISS", "HIT"] {
        expect(&ask(&ringfence, "/x", "X-Beta: 1\r\n"), served, "1");
        expect(&ringfence.get("/x"), served, "all");
    }
}

/// What a client names in `Connection` does not reach the server, so nobody else's key may be made of it.
#[test]
fn a_field_that_is_not_sent_on_chooses_no_response() {
    for (lines, vary) in [("", "Vary: X-A\r\n"), ("key = { headers = [\"X-A\"] }", "")] {
        let app = origin(move |request, _| {
            let seen = request.field("x-a").unwrap_or("none");
            ok(&format!("{KEPT}{vary}"), seen)
        });
        let ringfence = start(&app, lines);
        ask(&ringfence, "/x", "X-A: 1\r\nConnection: X-A\r\n");
        assert_eq!(
            ask(&ringfence, "/x", "X-A: 1\r\n").text(),
            "1",
            "{vary}{lines}"
        );
    }
}

/// Some servers take underscores in a name for dashes.
#[test]
fn a_method_that_is_overridden_is_not_kept() {
    for name in [
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X_HTTP_METHOD_OVERRIDE",
        "X-Original_URL",
        "X-Forwarded-Prefix",
    ] {
        let app = numbered(KEPT);
        let ringfence = start(&app, "");
        ask(&ringfence, "/x", &format!("{name}: a\r\n"));
        assert_eq!(how(&ringfence.get("/x")), "MISS", "{name}");
    }
}

/// What a response varies by is what its server was sent.
#[test]
fn edits_of_the_request_are_what_is_varied_by() {
    let app = origin(|request, number| {
        let seen = request.field("x-a").unwrap_or("none");
        ok(
            "Cache-Control: max-age=600\r\nVary: X-A\r\n",
            &format!("{seen} {number}"),
        )
    });
    let edits = "request_headers = { set = { X-A = \"ours\" } }";
    let ringfence = Ringfence::start(&site_with(&[&app], &format!("{edits}\ncache = true"), ""));
    for (served, fields) in [("MISS", "X-A: 1\r\n"), ("HIT", "X-A: 2\r\n"), ("HIT", "")] {
        expect(&ask(&ringfence, "/x", fields), served, "ours 0");
    }
}

#[test]
fn edits_of_the_response_are_made_of_what_is_stored() {
    let app = numbered("Cache-Control: max-age=600\r\nX-Secret: 1\r\n");
    let edits = "response_headers = { set = { X-A = \"ours\" }, remove = [\"X-Secret\"] }";
    let ringfence = Ringfence::start(&site_with(&[&app], &format!("{edits}\ncache = true"), ""));
    for served in ["MISS", "HIT"] {
        let answer = ringfence.get("/x");
        expect(&answer, served, "0");
        assert_eq!(answer.field("x-a"), Some("ours"));
        assert_eq!(answer.field("x-secret"), None);
    }
}
