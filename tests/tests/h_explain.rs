//! Explanations: what is foretold of a request is what then becomes of it, and nothing comes of the asking.

use ringfence_tests::{Origin, Outcome, Ringfence, Visit, command, eventually, site_with};
use serde_json::Value;

/// An origin whose answers may be kept for ten minutes, under two tags and by language; those to `/private` may not.
fn origin() -> Origin {
    Origin::serving("kept", |visit: &mut Visit| {
        while let Some(request) = visit.request()? {
            let control = match request.target.starts_with("/private") {
                true => "private",
                false => "max-age=600",
            };
            visit.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: {control}\r\nETag: \"1\"\r\nVary: Accept-Language\r\nCache-Tag: a, b\r\n\r\nbody"
            ))?;
        }
        Ok(())
    })
}

fn start(origin: &Origin, route: &str) -> Ringfence {
    Ringfence::start(&site_with(&[origin], route, "check = \"off\""))
}

fn explain(ringfence: &Ringfence, args: &[&str]) -> Outcome {
    let socket = ringfence.dir().join("control.sock").display().to_string();
    let mut all = vec!["explain", "--control", &socket];
    all.extend(args);
    command(&all)
}

fn told(ringfence: &Ringfence, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let outcome = explain(ringfence, &all).succeeded();
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// What is said of the URL that all tests ask for.
fn of(ringfence: &Ringfence, path: &str) -> Value {
    told(ringfence, &["GET", &format!("http://test.example{path}")])
}

/// How it would be answered, on whichever worker: the same on all, or the test fails.
#[track_caller]
fn outcome(told: &Value) -> (&str, &str) {
    let answers = told["cache"]["answers"].as_array().expect("answers");
    assert_eq!(answers.len(), 1, "{told:#}");
    let word = |name: &str| answers[0][name].as_str().unwrap_or_default();
    (word("outcome"), word("forward"))
}

#[test]
fn a_miss_and_then_a_hit() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    let before = of(&ringfence, "/x");
    assert_eq!(outcome(&before), ("MISS", "uri-miss"));
    assert_eq!(before["request"], "GET http://test.example/x");
    assert_eq!(before["route"]["name"], "all");
    assert_eq!(before["route"]["path"], "/*");
    assert_eq!(before["cache"]["key"]["url"], "http://test.example/x");
    assert_eq!(before["cache"]["not_kept"], Value::Null);
    assert_eq!(before["cache"]["stored"].as_array().map(Vec::len), Some(0));
    assert_eq!(before["upstream"]["picks"][0]["server"], origin.address());
    let answer = ringfence.get("/x").expect(200);
    assert_eq!(answer.field("x-cache"), Some("MISS"));
    let after = of(&ringfence, "/x");
    assert_eq!(outcome(&after), ("HIT", ""));
    let stored = &after["cache"]["stored"][0];
    assert_eq!(stored["status"], 200);
    assert_eq!(stored["bytes"], 4);
    assert_eq!(stored["etag"], "\"1\"");
    assert_eq!(stored["lifetime"], 600);
    assert_eq!(stored["basis"], "max-age");
    assert_eq!(stored["tags"], serde_json::json!(["a", "b"]));
    let (age, ttl) = (stored["age"].as_i64(), stored["ttl"].as_i64());
    assert_eq!(age.zip(ttl).map(|(age, ttl)| age + ttl), Some(600));
    let home = after["cache"]["key"]["home"].as_u64().expect("a worker");
    let workers = stored["workers"].as_array().expect("workers");
    assert!(workers.iter().any(|worker| worker.as_u64() == Some(home)));
    let text = explain(&ringfence, &["GET", "http://test.example/x"]).succeeded();
    for words in [
        "route     all (number 1)\n",
        "answer    HIT: it is fresh for ",
        "key       http://test.example/x\n",
        "stored    200, 4 bytes, ETag \"1\", on worker",
        " s by max-age\n",
        "          tags a, b\n",
        "upstream  app, by ",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    let answer = ringfence.get("/x").expect(200);
    assert_eq!(answer.field("x-cache"), Some("HIT"));
}

#[test]
fn what_is_stored_may_be_for_others() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    let url = "http://test.example/x";
    ringfence
        .client()
        .asks("GET", "/x", "Accept-Language: de\r\n")
        .expect(200);
    let other = told(&ringfence, &["GET", url, "-H", "Accept-Language: en"]);
    assert_eq!(outcome(&other), ("MISS", "vary-miss"));
    let stored = &other["cache"]["stored"][0];
    assert_eq!(stored["selected"], false);
    assert_eq!(stored["vary"], serde_json::json!(["accept-language"]));
    let same = told(&ringfence, &["GET", url, "-H", "Accept-Language: DE"]);
    assert_eq!(outcome(&same), ("HIT", ""));
}

#[test]
fn requests_that_pass_by_are_told_why() {
    let origin = origin();
    let rules =
        "[route.cache.bypass]\ncookies = [\"session\"]\nheaders = [\"x-no\"]\nquery = [\"raw\"]";
    let ringfence = start(&origin, rules);
    let url = "http://test.example/x";
    for (args, why) in [
        (&["POST", url][..], "method"),
        (&["GET", url, "-H", "Cookie: session=1"], "cookie session"),
        (&["GET", url, "-H", "X-No: 1"], "header x-no"),
        (&["GET", "http://test.example/x?raw=1"], "parameter raw"),
        (&["GET", url, "-H", "If-Match: \"1\""], "If-Match"),
        (&["GET", url, "-H", "X-Original-URL: /y"], "X-Original-URL"),
        (&["GET", url, "-H", "Connection: x-a"], "x-a"),
        (&["GET", url, "-H", "Content-Length: 3"], "a body"),
    ] {
        let told = told(&ringfence, args);
        let bypass = told["cache"]["bypass"].as_str().unwrap_or_default();
        assert!(bypass.contains(why), "{args:?}: {told:#}");
        assert_ne!(told["upstream"], Value::Null, "it goes to a server");
    }
}

#[test]
fn what_keeps_a_response_from_being_stored_is_told() {
    let origin = origin();
    let ringfence = start(&origin, "[route.cache]\nmin_uses = 2");
    let url = "http://test.example/x";
    for (args, why) in [
        (
            &["GET", url, "-H", "Cache-Control: no-store"][..],
            "no-store",
        ),
        (&["HEAD", url], "not GET"),
        (&["GET", url, "-H", "Range: bytes=0-1"], "a part"),
    ] {
        let told = told(&ringfence, args);
        let words = told["cache"]["not_kept"].as_str().unwrap_or_default();
        assert!(words.contains(why), "{args:?}: {told:#}");
    }
    let told_of = |args: &[&str]| told(&ringfence, args)["cache"]["kept_if"].to_string();
    let with = told_of(&["GET", url, "-H", "Authorization: a"]);
    assert!(with.contains("credentials"), "{with}");
    for _ in 0..3 {
        let uses = told_of(&["GET", url]);
        assert!(
            uses.contains("number 1"),
            "asking counts for nothing: {uses}"
        );
    }
    let only = told(
        &ringfence,
        &["GET", url, "-H", "Cache-Control: only-if-cached"],
    );
    assert_eq!(outcome(&only), ("REFUSED", ""));
}

#[test]
fn a_response_that_was_for_one_client_is_remembered() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    let fetch = |told: Value| told["cache"]["fetch"].to_string();
    assert!(fetch(of(&ringfence, "/private")).contains("wait for what comes"));
    ringfence.get("/private").expect(200);
    eventually("its home has heard", || {
        fetch(of(&ringfence, "/private")).contains("for one client only")
    });
}

#[test]
fn what_is_purged_softly_is_to_be_validated() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    ringfence.get("/x").expect(200);
    let socket = ringfence.dir().join("control.sock").display().to_string();
    command(&["purge", "--tag", "a", "--soft", "--control", &socket]).succeeded();
    let told = of(&ringfence, "/x");
    // A worker that does not have it is not given it by its home, which has.
    let answer = &told["cache"]["answers"][0];
    assert_eq!(answer["outcome"], "EXPIRED", "{told:#}");
    assert_eq!(answer["forward"], "stale");
    assert_eq!(told["cache"]["stored"][0]["softly_purged"], true);
    command(&["purge", "--tag", "a", "--control", &socket]).succeeded();
    assert_eq!(outcome(&of(&ringfence, "/x")), ("MISS", "uri-miss"));
}

#[test]
fn the_key_is_told_in_its_parts() {
    let origin = origin();
    let rules = "[route.cache]\nper_user = { cookie = \"id\" }\nkey = { drop = [\"utm_*\"], headers = [\"x-a\"], device = true }";
    let ringfence = start(&origin, rules);
    let url = "http://Test.example/x?b=1&utm_a=2";
    let told = told(&ringfence, &["GET", url, "-H", "Cookie: id=7"]);
    let key = &told["cache"]["key"];
    assert_eq!(key["url"], "http://test.example/x?b=1");
    let beside = serde_json::json!([["header x-a", null], ["device", "desktop"], ["user", "7"]]);
    assert_eq!(key["beside"], beside, "{told:#}");
}

/// What other sites may read, and what a trusted peer says of its client, is in the key as the routes' own parts are.
#[test]
fn the_key_is_told_with_what_no_rule_says() {
    let origin = origin();
    let told = |config: &str, fields: &[&str]| {
        let ringfence = Ringfence::start(config);
        let mut args = vec!["GET", "http://test.example/x"];
        args.extend(fields.iter().flat_map(|line| ["-H", *line]));
        told(&ringfence, &args)["cache"]["key"]["beside"].clone()
    };
    let plain = site_with(&[&origin], "cache = true", "check = \"off\"");
    let site = "https://a.example";
    assert_eq!(
        told(&plain, &[&format!("Origin: {site}")]),
        serde_json::json!([["header origin", site]])
    );
    let trusting = format!("{plain}\n[forwarding]\ntrusted = [\"127.0.0.0/8\"]\n");
    let fields = ["X-Original-URL: /y", "X-Forwarded-Proto: https"];
    assert_eq!(
        told(&trusting, &fields),
        serde_json::json!([
            ["header forwarded", null],
            ["header x-forwarded-host", null],
            ["header x-forwarded-port", null],
            ["header x-forwarded-proto", "https"],
            ["header x-original-url", "/y"]
        ])
    );
}

/// Routes of every kind, and none for what is below `/none`.
fn routes(origin: &Origin) -> String {
    let server = origin.address();
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n
[[route]]\nname = \"moved\"\nhost = \"a.example\"\npath = \"/old/{{id}}\"\nredirect = {{ to = \"https://{{host}}/new/{{id}}\", status = 308 }}
[[route]]\nname = \"fixed\"\npath = \"/fixed\"\nmethods = [\"GET\"]\nrespond = {{ status = 200, body = \"hello\" }}
[[route]]\nname = \"plain\"\npath = \"/plain/*\"\nheaders = {{ x-a = \"1\" }}\nupstream = \"app\"\n
[upstream.app]\nservers = [\"{server}\"]\ncheck = \"off\"\n"
    )
}

#[test]
fn each_kind_of_route_is_told() {
    let origin = origin();
    let ringfence = Ringfence::start(&routes(&origin));
    let moved = told(&ringfence, &["GET", "http://a.example/old/%37"]);
    assert_eq!(moved["route"]["name"], "moved");
    assert_eq!(moved["route"]["number"], 1);
    assert_eq!(moved["route"]["hosts"], serde_json::json!(["a.example"]));
    assert_eq!(moved["route"]["params"], serde_json::json!([["id", "7"]]));
    assert_eq!(moved["own"]["status"], 308);
    assert_eq!(moved["own"]["location"], "https://a.example/new/7");
    let fixed = of(&ringfence, "/fixed");
    assert_eq!(fixed["own"]["status"], 200);
    assert_eq!(fixed["upstream"], Value::Null);
    let wrong = told(&ringfence, &["DELETE", "http://test.example/fixed"]);
    assert_eq!(wrong["own"]["reason"], "method_not_allowed");
    assert_eq!(wrong["own"]["allow"], "GET, HEAD");
    let none = of(&ringfence, "/plain/x");
    assert_eq!(none["route"], Value::Null);
    assert_eq!(none["own"]["reason"], "no_route");
    assert_eq!(none["own"]["status"], 404);
    let plain = told(
        &ringfence,
        &["GET", "http://test.example/plain/x", "-H", "X-A: 1"],
    );
    assert_eq!(plain["route"]["headers"], serde_json::json!(["x-a: 1"]));
    assert_eq!(plain["cache"], Value::Null);
    assert_eq!(plain["upstream"]["name"], "app");
    let refused = told(
        &ringfence,
        &["GET", "http://test.example/x", "-H", "Host : a"],
    );
    assert_eq!(refused["own"]["status"], 400, "{refused:#}");
}

/// A site whose only server is found down by its check, with this line in its upstream.
fn with_a_dead_server(line: &str) -> (Origin, Ringfence) {
    let absent = Origin::absent("one");
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n\n[[route]]\nupstream = \"app\"\n\n[upstream.app]\nservers = [{{ address = \"{}\", label = \"one\" }}]\ncheck = {{ type = \"tcp\", interval = \"50ms\", timeout = \"50ms\" }}\n{line}\n",
        absent.address()
    );
    let ringfence = Ringfence::start(&config);
    eventually("it is found down", || {
        let told = of(&ringfence, "/");
        told["upstream"]["servers"][0]["state"] == "down by its checks"
    });
    (absent, ringfence)
}

#[test]
fn servers_are_told_with_what_keeps_requests_from_them() {
    let (absent, ringfence) = with_a_dead_server("ejection = { panic_threshold = 0 }");
    let told = of(&ringfence, "/");
    let server = &told["upstream"]["servers"][0];
    assert_eq!(server["name"], "one");
    assert_eq!(server["address"], absent.address());
    let pick = &told["upstream"]["picks"][0];
    assert_eq!(pick["server"], Value::Null);
    assert!(
        pick["why"]
            .as_str()
            .is_some_and(|why| why.contains("503, no_server"))
    );
    ringfence.get("/").expect(503);
    let (_absent, ringfence) = with_a_dead_server("");
    let told = of(&ringfence, "/");
    let pick = &told["upstream"]["picks"][0];
    assert_eq!(pick["server"], "one", "where none is up, all are tried");
    assert!(
        pick["why"]
            .as_str()
            .is_some_and(|why| why.contains("too few"))
    );
}

/// What each worker would pick.
fn picks(ringfence: &Ringfence) -> Vec<String> {
    let told = of(ringfence, "/");
    let picks = told["upstream"]["picks"].as_array().expect("picks").clone();
    let of = |worker: u64| {
        let would = |pick: &&Value| {
            let workers = pick["workers"].as_array().expect("workers");
            workers.iter().any(|one| one.as_u64() == Some(worker))
        };
        let pick = picks.iter().find(would).expect("every worker picks");
        pick["server"].as_str().expect("a server").to_owned()
    };
    vec![of(0), of(1)]
}

#[test]
fn the_server_that_is_foretold_gets_the_request() {
    let origins = ["a", "b", "c"].map(Origin::kit);
    let config = site_with(
        &[&origins[0], &origins[1], &origins[2]],
        "",
        "check = \"off\"\nbalance = \"round_robin\"",
    );
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    for round in 0..12 {
        let foretold = picks(&ringfence);
        for _ in 0..round % 3 {
            assert_eq!(picks(&ringfence), foretold, "asking moves nothing");
        }
        let before: Vec<_> = origins.iter().map(Origin::served).collect();
        client.gets("/").expect(200);
        let mut served = origins.iter().zip(before);
        let served = served.find(|(origin, before)| origin.served() > *before);
        let name = served.expect("one was asked").0.address();
        // With three servers in turn, the worker that has the connection picks another one now.
        let after = picks(&ringfence);
        let moved: Vec<_> = (0..2).filter(|at| after[*at] != foretold[*at]).collect();
        assert_eq!(moved.len(), 1, "round {round}: {foretold:?} {after:?}");
        assert_eq!(foretold[moved[0]], name, "round {round}");
    }
}

#[test]
fn asking_changes_nothing() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    for path in ["/x", "/y", "/private"] {
        ringfence.get(path).expect(200);
        ringfence.get(path).expect(200);
    }
    let counted = || {
        let metrics = ringfence.metrics();
        let stats = ringfence.admin_get("/cache/stats").expect(200).text();
        let names = [
            "ringfence_requests_total",
            "ringfence_cache_requests_total",
            "ringfence_cache_evictions_total",
            "ringfence_upstream_connects_total",
            "ringfence_pool_hits_total",
            "ringfence_pool_misses_total",
            "ringfence_refusals_total",
        ];
        (stats, names.map(|name| metrics.sum(name, &[])))
    };
    let mut before = counted();
    eventually("all is counted", || {
        std::thread::sleep(std::time::Duration::from_millis(600));
        let now = counted();
        std::mem::replace(&mut before, now.clone()) == now
    });
    let asked = origin.served();
    let posted = ringfence_tests::Client::connect(ringfence.admin())
        .says("POST /explain HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n{\"url\": \"http://test.example/x\"}\n")
        .hears()
        .expect(200);
    assert!(posted.text().contains("\"HIT\""), "{}", posted.text());
    for method in ["GET", "POST", "HEAD"] {
        for path in ["/x", "/y", "/z", "/private"] {
            told(&ringfence, &[method, &format!("http://test.example{path}")]);
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(counted(), before);
    assert_eq!(origin.served(), asked);
}

#[test]
fn mistakes_are_named() {
    let origin = origin();
    let ringfence = start(&origin, "cache = true");
    explain(&ringfence, &["GET", "/x"]).failed_saying(&["not explained", "http://"]);
    explain(&ringfence, &["GET", "http://a/", "-H", "nothing"])
        .failed_saying(&["headers[0]", "Accept"]);
    explain(&ringfence, &["GET"]).failed_saying(&["<URL>"]);
    ringfence.admin_get("/explain").expect(405);
    command(&[
        "explain",
        "GET",
        "http://a/",
        "--control",
        "/nowhere/at/all.sock",
    ])
    .failed_saying(&["no running process"]);
}
