//! Purging: what is covered is not answered with any more once the call has returned, on whichever core.

use ringfence_tests::{
    Origin, Outcome, Response, Ringfence, Visit, command, eventually, site_with, upstream_table,
};
use serde_json::Value;

/// Connections for each look: with so many, every worker is asked.
const CONNECTIONS: usize = 12;

/// An origin whose answers may be kept; `/a/b` has the tags `a` and `b`.
fn origin() -> Origin {
    Origin::serving("kept", |visit: &mut Visit| {
        while let Some(request) = visit.request()? {
            let path = request.target.split('?').next().unwrap_or_default();
            let tags = path.replace('/', " ");
            let status = match request.field("if-none-match") {
                Some(_) => "304 Not Modified\r\n",
                None => "200 OK\r\nContent-Length: 4\r\n",
            };
            let body = if status.starts_with("200") {
                "body"
            } else {
                ""
            };
            visit.send(format!(
                "HTTP/1.1 {status}Cache-Control: max-age=600\r\nETag: \"1\"\r\nSurrogate-Key:{tags}\r\n\r\n{body}"
            ))?;
        }
        Ok(())
    })
}

fn start(origin: &Origin) -> Ringfence {
    Ringfence::start(&site_with(&[origin], "cache = true", "check = \"off\""))
}

/// Asks for a path on several connections; how often the origin had to be asked.
fn asked(ringfence: &Ringfence, origin: &Origin, path: &str) -> usize {
    let before = origin.served();
    for _ in 0..CONNECTIONS {
        ringfence.client().gets(path).expect(200);
    }
    origin.served() - before
}

#[track_caller]
fn fill(ringfence: &Ringfence, origin: &Origin, paths: &[&str]) {
    for path in paths {
        asked(ringfence, origin, path);
        assert_eq!(asked(ringfence, origin, path), 0, "{path} is not kept");
    }
}

fn purge(ringfence: &Ringfence, args: &[&str]) -> Outcome {
    let socket = ringfence.dir().join("control.sock").display().to_string();
    let mut all = vec!["purge", "--control", &socket];
    all.extend(args);
    command(&all)
}

fn post(ringfence: &Ringfence, body: &str) -> Response {
    let length = body.len();
    ringfence_tests::Client::connect(ringfence.admin())
        .says(format!(
            "POST /cache/purge HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .hears()
}

const PATHS: [&str; 6] = ["/x/1", "/x/2?q=1", "/x/2?q=2", "/y/1", "/y/1.css", "/Z"];

#[test]
fn what_is_purged_is_fetched_anew_and_nothing_else() {
    let origin = origin();
    let ringfence = start(&origin);
    let cases: [(&[&str], &[usize]); 9] = [
        (&["--tag", "x"], &[0, 1, 2]),
        (&["--tag", "Z,1.css"], &[4, 5]),
        (&["--url", "http://TEST.example/x/2?q=1"], &[1]),
        (&["--url", "http://test.example/%78/./1#f"], &[0]),
        (&["--host", "Test.example", "--soft"], &[0, 1, 2, 3, 4, 5]),
        (&["--prefix", "http://test.example/y/1"], &[3, 4]),
        (&["--pattern", "http://*/x/*q=*"], &[1, 2]),
        (
            &["--pattern", "http://test.example/*.css", "--tag", "2"],
            &[1, 2, 4],
        ),
        (&["--all"], &[0, 1, 2, 3, 4, 5]),
    ];
    for (args, gone) in cases {
        fill(&ringfence, &origin, &PATHS);
        purge(&ringfence, args).succeeded();
        for (at, path) in PATHS.iter().enumerate() {
            let was_asked = asked(&ringfence, &origin, path) > 0;
            assert_eq!(was_asked, gone.contains(&at), "{path} after {args:?}");
        }
    }
    fill(&ringfence, &origin, &PATHS);
    for args in [
        ["--tag", "none"],
        ["--host", "other.example"],
        ["--prefix", "http://test.example/X"],
        ["--pattern", "http://test.example/x"],
    ] {
        purge(&ringfence, &args).succeeded();
    }
    for path in PATHS {
        assert_eq!(asked(&ringfence, &origin, path), 0, "{path}");
    }
}

#[test]
fn a_url_is_purged_as_far_as_it_counts() {
    let origin = origin();
    let rules = [
        "[route.cache]\nkey = { drop = [\"u\"] }",
        "[route.cache]\nkey = { sort = true }",
        "[route.cache]\nkey = { host = false }",
    ];
    for (rules, kept, purged) in [
        (rules[0], "/x?a=1&u=1", "http://test.example/x?u=2&a=1"),
        (rules[1], "/x?b=2&a=1", "http://test.example/x?a=1&b=2"),
        (rules[2], "/x?a=1", "http://other.example/x?a=1"),
    ] {
        let ringfence = Ringfence::start(&site_with(&[&origin], rules, "check = \"off\""));
        fill(&ringfence, &origin, &[kept, "/x?a=2"]);
        purge(&ringfence, &["--url", purged]).succeeded();
        assert!(asked(&ringfence, &origin, kept) > 0, "{rules}");
        assert_eq!(asked(&ringfence, &origin, "/x?a=2"), 0, "{rules}");
    }
}

/// What one host has asked for may be what another is answered with: that goes with either.
#[test]
fn a_host_is_purged_with_what_it_shares() {
    let origin = origin();
    let route = |host: &str| {
        format!(
            "[[route]]\nhost = {host}\nupstream = \"app\"\n[route.cache]\nkey = {{ host = false }}\n"
        )
    };
    let ringfence = Ringfence::start(&format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}{}",
        route("[\"test.example\", \"*.test.example\"]"),
        route("\"other.example\""),
        upstream_table("app", &[&origin], "check = \"off\""),
    ));
    fill(&ringfence, &origin, &["/x"]);
    let before = origin.served();
    let text = "GET /x HTTP/1.1\r\nHost: a.test.example\r\n\r\n";
    ringfence.client().says(text).hears().expect(200);
    assert_eq!(origin.served(), before, "both hosts have the same");
    for host in ["other.example", "test.example.org", "example"] {
        purge(&ringfence, &["--host", host]).succeeded();
        assert_eq!(asked(&ringfence, &origin, "/x"), 0, "{host}");
    }
    for host in ["a.test.example", "Test.example:80", "b.test.example"] {
        purge(&ringfence, &["--host", host]).succeeded();
        assert!(asked(&ringfence, &origin, "/x") > 0, "{host}");
        assert_eq!(asked(&ringfence, &origin, "/x"), 0, "{host}");
    }
}

#[test]
fn a_soft_purge_has_it_validated() {
    let origin = origin();
    let ringfence = start(&origin);
    fill(&ringfence, &origin, &["/x/1"]);
    let answer = post(&ringfence, r#"{"tags": ["x"], "soft": true}"#).expect(200);
    assert_eq!(answer.text(), r#"{"purged":1}"#);
    assert_eq!(answer.field("content-type"), Some("application/json"));
    origin.forgets();
    assert!(asked(&ringfence, &origin, "/x/1") > 0);
    let asks = |request: &ringfence_tests::Request| request.field("if-none-match").is_some();
    assert!(
        origin.requests().iter().all(asks),
        "{:?}",
        origin.requests()
    );
    assert_eq!(asked(&ringfence, &origin, "/x/1"), 0, "it holds again");
}

/// An origin that says once how its answer may be kept and under which tag, and then only that it still holds.
fn terse() -> Origin {
    Origin::serving("terse", |visit: &mut Visit| {
        while let Some(request) = visit.request()? {
            visit.send(match request.field("if-none-match") {
                Some(_) => "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n",
                None => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"1\"\r\nCache-Tag: a\r\nCache-Control: max-age=600, must-revalidate\r\n\r\nbody",
            })?;
        }
        Ok(())
    })
}

#[test]
fn a_response_keeps_its_tags_when_it_is_validated() {
    let origin = terse();
    let ringfence = start(&origin);
    fill(&ringfence, &origin, &["/x"]);
    ringfence
        .client()
        .asks("GET", "/x", "Cache-Control: no-cache\r\n")
        .expect(200);
    assert_eq!(asked(&ringfence, &origin, "/x"), 0, "it was validated");
    purge(&ringfence, &["--tag", "a"]).succeeded();
    assert!(asked(&ringfence, &origin, "/x") > 0);
}

#[test]
fn what_must_be_validated_does_not_stand_in_when_it_is_purged_softly() {
    let mut origin = terse();
    let ringfence = start(&origin);
    fill(&ringfence, &origin, &["/x"]);
    purge(&ringfence, &["--tag", "a", "--soft"]).succeeded();
    origin.dies();
    ringfence.client().gets("/x").expect(502);
}

/// Every purge is followed by a request, on whichever core: none may be answered with what was there before.
#[test]
fn nothing_purged_is_answered_with_once_the_call_has_returned() {
    let origin = Origin::serving("counting", |visit: &mut Visit| {
        while visit.request()?.is_some() {
            visit.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 0\r\n\r\n",
            )?;
        }
        Ok(())
    });
    let ringfence = start(&origin);
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| ringfence.client()).collect();
    for round in 0..60 {
        for client in &mut clients {
            client.gets("/x").expect(200);
        }
        let body = match round % 3 {
            0 => r#"{"urls": ["http://test.example/x"]}"#,
            1 => r#"{"prefixes": ["http://test.example/"]}"#,
            _ => r#"{"all": true}"#,
        };
        let before = origin.served();
        post(&ringfence, body).expect(200);
        clients[round % CONNECTIONS].gets("/x").expect(200);
        assert_eq!(origin.served(), before + 1, "round {round}: {body}");
    }
}

#[test]
fn mistakes_are_named() {
    let origin = origin();
    let ringfence = start(&origin);
    for (body, why) in [
        ("", "EOF"),
        ("{}", "nothing to purge"),
        (r#"{"tag": ["a"]}"#, "unknown field `tag`"),
        (r#"{"urls": ["/x"]}"#, "urls[0]"),
    ] {
        let text = post(&ringfence, body).expect(400).text();
        assert!(text.contains(why), "{text}");
    }
    ringfence.admin_get("/cache/purge").expect(405);
    purge(&ringfence, &["--url", "/x"]).failed_saying(&["not purged", "urls[0]", "http://"]);
    purge(&ringfence, &["--soft"]).failed_saying(&["--tag"]);
    command(&["purge", "--all", "--control", "/nowhere/at/all.sock"])
        .failed_saying(&["no running process", "/nowhere/at/all.sock"]);
    let told = purge(&ringfence, &["--tag", "a,b", "--all"]).succeeded();
    for words in ["tag a\n", "tag b\n", "everything\n"] {
        assert!(told.text().contains(words), "{}", told.text());
    }
}

#[test]
fn what_the_caches_do_is_counted() {
    let origin = origin();
    let ringfence = start(&origin);
    fill(&ringfence, &origin, &["/x/1"]);
    ringfence.client().sends("POST", "/x/2", b"a").expect(200);
    let stats = || -> Value {
        let text = ringfence.admin_get("/cache/stats").expect(200).text();
        serde_json::from_str(&text).expect("JSON")
    };
    let all = 2 * CONNECTIONS as u64;
    eventually("all are counted", || {
        let total = &stats()["total"];
        let number = |name: &str| total[name].as_u64().expect("a number");
        let (hits, misses) = (number("hits"), number("misses"));
        hits + misses == all && misses >= 1 && number("bypassed") == 1 && number("bytes") > 0
    });
    let told = stats();
    assert_eq!(told["workers"].as_array().map(Vec::len), Some(2));
    let metrics = ringfence.metrics();
    let labels = [("route", "all"), ("outcome", "hit")];
    assert_eq!(
        Some(metrics.sum("ringfence_cache_requests_total", &labels)),
        told["total"]["hits"].as_f64()
    );
    assert!(metrics.sum("ringfence_cache_entries", &[]) >= 1.0);
}

#[test]
fn what_is_stored_is_counted_by_route() {
    let origin = origin();
    let route = |name: &str| {
        format!(
            "[[route]]\nname = \"{name}\"\npath = \"/{name}/*\"\nupstream = \"app\"\ncache = true\n"
        )
    };
    let site = |names: [&str; 2]| {
        let app = upstream_table("app", &[&origin], "check = \"off\"");
        let routes = names.map(route).concat();
        format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{routes}{app}")
    };
    let ringfence = Ringfence::start(&site(["a", "b"]));
    fill(&ringfence, &origin, &["/a/1", "/a/2", "/b/1"]);
    // What each of the names has of entries, if it has any.
    let entries = |names: [&str; 4]| {
        let text = ringfence.admin_get("/cache/stats").expect(200).text();
        let stats: Value = serde_json::from_str(&text).expect("JSON");
        let routes = stats["routes"].as_array().expect("a list").clone();
        names.map(|name| {
            let found = routes.iter().find(|route| route["route"] == name);
            let entries = found.map_or(0, |route| route["entries"].as_u64().expect("a number"));
            let bytes = found.map_or(0, |route| route["bytes"].as_u64().expect("a number"));
            assert_eq!(entries == 0, bytes == 0, "{text}");
            entries
        })
    };
    let names = ["a", "b", "c", "(none)"];
    // Each is stored by its home, and by the other worker once that is asked.
    eventually("all are counted", || entries(names) == [4, 2, 0, 0]);
    let metrics = ringfence.metrics();
    let of = |route| metrics.sum("ringfence_cache_route_entries", &[("route", route)]);
    assert_eq!([of("a"), of("b")], [4.0, 2.0]);
    assert!(metrics.sum("ringfence_cache_route_bytes", &[("route", "a")]) > 0.0);

    ringfence.reload(&site(["b", "c"]));
    assert_eq!(
        entries(names),
        [0, 2, 0, 4],
        "none is lost when a route goes"
    );
    purge(&ringfence, &["--all"]).succeeded();
    eventually("what is purged goes", || entries(names) == [0; 4]);
}
