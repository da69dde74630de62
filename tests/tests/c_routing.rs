//! Routes: by host, path, method and header; redirects, fixed responses, rewrites, header edits; and
//! the promise that what is routed is what is forwarded.

use ringfence_tests::{Origin, Response, Ringfence, Visit, upstream_table};

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n";

/// One route.
fn route(lines: &str) -> String {
    format!("\n[[route]]\n{lines}\n")
}

/// A route for each line, to an origin of its own that is called after its place: `0`, `1`, …
fn routes(lines: &[&str]) -> (String, Vec<Origin>) {
    let origins: Vec<Origin> = (0..lines.len())
        .map(|n| Origin::kit(&n.to_string()))
        .collect();
    let mut config = LISTENER.to_string();
    for (number, line) in lines.iter().enumerate() {
        config += &route(&format!("{line}\nupstream = \"u{number}\""));
    }
    for (number, origin) in origins.iter().enumerate() {
        config += &upstream_table(&format!("u{number}"), &[origin], "");
    }
    (config, origins)
}

fn ask(ringfence: &Ringfence, host: &str, path: &str) -> Response {
    let mut client = ringfence.client();
    client
        .says(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        .hears()
}

/// Which origin answers; `404` and so on when none does.
fn place(answer: &Response) -> String {
    match answer.field("x-origin") {
        Some(origin) => origin.to_string(),
        None => answer.status.to_string(),
    }
}

#[test]
fn hosts() {
    let (config, _origins) = routes(&[
        "host = \"example.com\"",
        "host = \"*.example.com\"",
        "host = [\"a.test\", \"b.test\"]",
        "host = \"api.example.com\"",
    ]);
    let ringfence = Ringfence::start(&config);
    for (host, expected) in [
        ("example.com", "0"),
        ("EXAMPLE.com", "0"),
        ("example.com:8080", "0"),
        ("www.example.com", "1"),
        ("a.b.example.com", "1"),
        ("api.example.com", "3"),
        ("a.test", "2"),
        ("b.test:1", "2"),
        ("notexample.com", "404"),
        ("example.org", "404"),
        ("[::1]", "404"),
    ] {
        assert_eq!(place(&ask(&ringfence, host, "/")), expected, "{host}");
    }
}

#[test]
fn paths() {
    let (config, _origins) = routes(&[
        "path = \"/exact\"",
        "path = \"/api/*\"",
        "path = \"/api/v2/*\"",
        "path = \"/users/{id}/posts\"",
        "path = \"/users/me/posts\"",
        "path = \"/files/{id}/*\"",
    ]);
    let ringfence = Ringfence::start(&config);
    for (path, expected) in [
        ("/exact", "0"),
        ("/exact?query", "0"),
        ("/exact/", "404"),
        ("/exactly", "404"),
        ("/api", "1"),
        ("/api/", "1"),
        ("/api/x/y", "1"),
        ("/apis", "404"),
        ("/api/v2/x", "2"),
        ("/api/v2", "2"),
        ("/api/v20", "1"),
        ("/users/7/posts", "3"),
        ("/users/me/posts", "4"),
        ("/users//posts", "404"),
        ("/users/7/posts/1", "404"),
        ("/files/7/a/b", "5"),
        ("/", "404"),
        ("/EXACT", "404"),
    ] {
        assert_eq!(place(&ask(&ringfence, "h", path)), expected, "{path}");
    }
}

#[test]
fn methods_and_headers() {
    let (config, _origins) = routes(&[
        "path = \"/m\"\nmethods = [\"GET\"]",
        "path = \"/m\"\nmethods = [\"POST\", \"PUT\"]",
        "path = \"/h\"",
        "path = \"/h\"\nheaders = { x-env = \"canary\", x-more = \"*\" }",
        "path = \"/h\"\nheaders = { x-env = \"canary\" }",
    ]);
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    for (method, path, fields, expected) in [
        ("GET", "/m", "", "0"),
        ("HEAD", "/m", "", "0"),
        ("PUT", "/m", "", "1"),
        ("GET", "/h", "", "2"),
        ("GET", "/h", "X-Env: stable\r\n", "2"),
        ("GET", "/h", "X-ENV: canary\r\n", "4"),
        ("GET", "/h", "X-Env: canary\r\nX-More: anything\r\n", "3"),
    ] {
        let answer = client.asks(method, path, fields);
        assert_eq!(place(&answer), expected, "{method} {path} {fields}");
    }
    let answer = client.asks("DELETE", "/m", "").expect(405);
    let allow = answer.field("allow").expect("Allow (RFC 9110, 15.5.6)");
    for method in ["GET", "POST", "PUT"] {
        assert!(allow.contains(method), "{allow}");
    }
}

#[test]
fn what_is_routed_is_what_is_forwarded() {
    let (config, origins) = routes(&["path = \"/admin/*\"", "path = \"/*\""]);
    let ringfence = Ringfence::start(&config);
    for (sent, expected, target) in [
        ("/admin/x", "0", "/admin/x"),
        ("/./admin/x", "0", "/admin/x"),
        ("/public/../admin/x", "0", "/admin/x"),
        ("/public/%2e%2E/admin/x", "0", "/admin/x"),
        ("/%61dmin/x", "0", "/admin/x"),
        ("//admin/x", "0", "/admin/x"),
        ("/admin%2Fx", "1", "/admin%2Fx"),
        ("/admin%2fx", "1", "/admin%2Fx"),
        ("/admin/../public", "1", "/public"),
        ("/a%7eb?x=%2e%2e/../y", "1", "/a~b?x=%2e%2e/../y"),
        ("/ADMIN/x", "1", "/ADMIN/x"),
    ] {
        origins.iter().for_each(Origin::forgets);
        let answer = ask(&ringfence, "h", sent);
        assert_eq!(place(&answer), expected, "{sent}");
        let origin = &origins[usize::from(expected == "1")];
        assert_eq!(origin.only_request().target, target, "{sent}");
    }
    for sneaky in [
        "/public/..%2fadmin/x",
        "/public/..;/admin/x",
        "/public/..%5cadmin",
        "/..",
        "/a/%2e%2e/%2e%2e/b",
    ] {
        ask(&ringfence, "h", sneaky).expect(400);
    }
}

#[test]
fn redirects() {
    let config = LISTENER.to_string()
        + &route(
            "host = \"old.test\"\nredirect = { to = \"https://new.test{path}?{query}\", status = 301 }",
        )
        + &route("path = \"/users/{id}\"\nredirect = \"/people/{id}\"")
        + &route("path = \"/docs/*\"\nredirect = { to = \"/manual/{*}\", status = 302 }");
    let ringfence = Ringfence::start(&config);
    for (host, path, status, location) in [
        ("old.test", "/a/b?c=d", 301, "https://new.test/a/b?c=d"),
        ("old.test", "/a", 301, "https://new.test/a"),
        ("h", "/users/7", 308, "/people/7"),
        ("h", "/docs/x/y", 302, "/manual/x/y"),
    ] {
        let answer = ask(&ringfence, host, path).expect(status);
        assert_eq!(answer.field("location"), Some(location), "{path}");
    }
    // Nothing that a client says may split the response or lead to another host.
    let answer = ask(&ringfence, "h", "/users/a%0d%0aSet-Cookie:x=y");
    assert_eq!(answer.field("set-cookie"), None);
    let answer = ask(&ringfence, "h", "/docs//evil.test/x");
    assert!(
        !answer
            .field("location")
            .unwrap_or_default()
            .starts_with("//")
    );
}

#[test]
fn fixed_responses() {
    let config = LISTENER.to_string()
        + &route("path = \"/robots.txt\"\nrespond = { body = \"User-agent: *\\n\" }")
        + &route("path = \"/gone\"\nrespond = { status = 410 }")
        + &route(
            "path = \"/json\"\nrespond = { status = 200, body = \"{}\", content_type = \"application/json\" }\nresponse_headers = { set = { x-fixed = \"yes\" } }",
        );
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    let answer = client.gets("/robots.txt").expect(200);
    assert_eq!(answer.text(), "User-agent: *\n");
    assert_eq!(
        answer.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let answer = client.asks("HEAD", "/robots.txt", "").expect(200);
    assert_eq!(answer.field("content-length"), Some("14"));
    assert_eq!(client.gets("/gone").expect(410).body, b"");
    let answer = client.gets("/json").expect(200);
    assert_eq!(
        (answer.field("content-type"), answer.field("x-fixed")),
        (Some("application/json"), Some("yes"))
    );
    // A body that nobody reads: the connection goes on behind it, or is said to end.
    let answer = client.sends("POST", "/gone", b"body").expect(410);
    if answer.closes() {
        client.hears_close();
    } else {
        client.gets("/json").expect(200);
    }
}

#[test]
fn prefixes_are_stripped_and_replaced() {
    let (config, origins) = routes(&[
        "path = \"/api/*\"\nstrip_prefix = \"/api\"",
        "path = \"/v1/*\"\nreplace_prefix = { from = \"/v1\", to = \"/internal/one\" }",
    ]);
    let ringfence = Ringfence::start(&config);
    for (sent, origin, target) in [
        ("/api/users?x=/api", 0, "/users?x=/api"),
        ("/api", 0, "/"),
        ("/api/", 0, "/"),
        ("/api/api/x", 0, "/api/x"),
        ("/v1/x%20y", 1, "/internal/one/x%20y"),
        ("/v1", 1, "/internal/one"),
    ] {
        origins.iter().for_each(Origin::forgets);
        ask(&ringfence, "h", sent).expect(200);
        assert_eq!(origins[origin].only_request().target, target, "{sent}");
    }
}

#[test]
fn headers_are_edited() {
    let (config, origins) = routes(&[
        "request_headers = { set = { x-set = \"new\", user-agent = \"edge\" }, add = { x-add = [\"1\", \"2\"] }, remove = [\"x-gone\", \"cookie\"] }\n\
         response_headers = { set = { server = \"edge\", x-origin = \"hidden\" }, add = { vary = \"Cookie\" }, remove = [\"content-type\"] }",
    ]);
    let ringfence = Ringfence::start(&config);
    let fields =
        "X-Set: old\r\nX-Set: older\r\nX-Add: 0\r\nX-Gone: 1\r\nCookie: a\r\nUser-Agent: me\r\n";
    let answer = ringfence.client().asks("GET", "/", fields).expect(200);
    let request = origins[0].only_request();
    assert_eq!(request.all("x-set"), ["new"]);
    assert_eq!(request.all("user-agent"), ["edge"]);
    assert_eq!(request.all("x-add"), ["0", "1", "2"]);
    assert!(request.all("x-gone").is_empty() && request.all("cookie").is_empty());
    assert_eq!(answer.all("server"), ["edge"]);
    assert_eq!(answer.all("x-origin"), ["hidden"]);
    assert_eq!(answer.all("vary"), ["Cookie"]);
    assert!(answer.all("content-type").is_empty());
}

/// Edits of every field that we write ourselves, on responses of each kind.
const OWN_EDITS: &str = "response_headers = { set = { date = \"never\", via = \"x\", x-request-id = \"fixed\", content-type = \"text/css\", cache-control = \"max-age=1\" }, remove = [\"x-backend-server\", \"server-timing\", \"location\", \"set-cookie\", \"retry-after\"] }";

#[test]
fn edits_have_the_last_word_also_over_our_own_fields() {
    let origin = Origin::kit("a");
    let config = format!(
        "{LISTENER}{}{}{}{}{}{}[expose]\nbackend_server = true\nserver_timing = true\n[forwarding]\nforwarded = true\n",
        route(&format!(
            "upstream = \"app\"\nrequest_headers = {{ set = {{ x-forwarded-proto = \"https\", x-request-id = \"mine\", via = \"y\" }}, remove = [\"x-forwarded-for\", \"x-forwarded-host\", \"x-real-ip\", \"forwarded\"] }}\n{OWN_EDITS}"
        )),
        route(&format!(
            "path = \"/fixed\"\nrespond = {{ status = 200, body = \"x\" }}\n{OWN_EDITS}"
        )),
        route(&format!(
            "path = \"/moved\"\nredirect = \"/x\"\n{OWN_EDITS}"
        )),
        route(&format!(
            "path = \"/dead\"\nupstream = \"dead\"\n{OWN_EDITS}"
        )),
        upstream_table("app", &[&origin], "sticky = \"lb\"\n"),
        upstream_table("dead", &[&Origin::absent("b")], "check = \"off\"\n"),
    );
    let ringfence = Ringfence::start(&config);
    for (path, status) in [("/", 200), ("/fixed", 200), ("/moved", 308), ("/dead", 502)] {
        let answer = ringfence.get(path).expect(status);
        for (name, value) in [
            ("date", "never"),
            ("via", "x"),
            ("x-request-id", "fixed"),
            ("content-type", "text/css"),
            ("cache-control", "max-age=1"),
        ] {
            assert_eq!(answer.all(name), [value], "{name} of {path}");
        }
        for name in [
            "x-backend-server",
            "server-timing",
            "location",
            "set-cookie",
        ] {
            assert!(answer.all(name).is_empty(), "{name} of {path}");
        }
    }
    let request = origin.only_request();
    assert_eq!(request.all("x-forwarded-proto"), ["https"]);
    assert_eq!(request.all("x-request-id"), ["mine"]);
    assert_eq!(request.all("via"), ["y"]);
    for name in [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "forwarded",
    ] {
        assert!(request.all(name).is_empty(), "{name}");
    }
}

/// Answers with an interim response, and with trailers.
fn at_length(visit: &mut Visit) -> std::io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 103 Early Hints\r\nX-Internal: 1\r\nLink: </a>\r\n\r\n")?;
    visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Internal: 2\r\n\r\n")?;
    visit.send("2\r\nok\r\n0\r\nX-Internal: 3\r\nX-Sum: 4\r\n\r\n")
}

#[test]
fn what_is_removed_comes_back_neither_early_nor_late() {
    let origin = Origin::serving("a", at_length);
    let ringfence = Ringfence::start(&ringfence_tests::site_with(
        &[&origin],
        "request_headers = { set = { x-role = \"guest\" }, remove = [\"x-user\"] }\n\
         response_headers = { remove = [\"x-internal\"] }",
        "",
    ));
    let mut client = ringfence.client();
    client.says(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-User: a\r\n\r\n\
         0\r\nX-User: root\r\nX-Role: root\r\nX-Sum: 1\r\n\r\n",
    );
    let heard = client.hears_through("X-Sum: 4");
    assert!(
        heard.contains("Link: </a>") && !heard.to_lowercase().contains("x-internal"),
        "{heard}"
    );
    let request = origin.only_request();
    assert_eq!(request.all("x-role"), ["guest"]);
    assert_eq!(request.trailers, [("X-Sum".to_string(), "1".to_string())]);
}

#[test]
fn a_header_matches_by_any_of_its_lines() {
    let (config, _origins) = routes(&["headers = { x-v = \"2\" }", "path = \"/*\""]);
    let ringfence = Ringfence::start(&config);
    let ask = |fields: &str| place(&ringfence.client().asks("GET", "/", fields));
    assert_eq!(ask("X-V: 3\r\nX-V: 2\r\n"), "0");
    assert_eq!(ask("X-V: 2\r\n"), "0");
    assert_eq!(ask("X-V: 3\r\n"), "1");
}

#[test]
fn a_redirect_that_needs_a_host_refuses_a_request_without() {
    let config = LISTENER.to_string() + &route("redirect = \"https://{host}{path}\"");
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    client.says("GET /a HTTP/1.0\r\n\r\n").hears().expect(400);
    let mut client = ringfence.client();
    let answer = client.says("GET /a HTTP/1.0\r\nHost: h\r\n\r\n").hears();
    assert_eq!(answer.expect(308).field("location"), Some("https://h/a"));
}

#[test]
fn a_fixed_response_takes_a_body_within_its_limit() {
    let config = LISTENER.to_string()
        + &route("respond = { status = 200, body = \"fixed\" }\nmax_body = \"10B\"");
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    let post = |body: &str| {
        let length = body.len();
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    for _ in 0..3 {
        // The body is there with the head: the connection goes on.
        client.says(post("0123456789")).hears().expect(200);
    }
    client.says(post("0123456789a")).hears().expect(413);
}

#[test]
fn the_upstream_may_have_a_host_of_its_own() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&ringfence_tests::site_with(
        &[&origin],
        "",
        "host = \"inner.test\"",
    ));
    ringfence.get("/").expect(200);
    let request = origin.only_request();
    assert_eq!(request.field("host"), Some("inner.test"));
    assert_eq!(request.field("x-forwarded-host"), Some("test.example"));
}

#[test]
fn nothing_matches() {
    let (config, origins) = routes(&["host = \"only.test\"\npath = \"/only\""]);
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    client.gets("/only").expect(404);
    // The connection goes on after a 404.
    client
        .asks("POST", "/x", "Content-Length: 0\r\n")
        .expect(404);
    client.gets("/only").expect(404);
    assert_eq!(origins[0].requests().len(), 0);
    assert_eq!(place(&ask(&ringfence, "only.test", "/only")), "0");
}

#[test]
fn several_listeners_serve_the_same_routes() {
    let origin = Origin::kit("a");
    let config = LISTENER.to_string() + &ringfence_tests::site(&[&origin]);
    let ringfence = Ringfence::start(&config);
    let addresses = ringfence.addresses();
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        ringfence_tests::get(address, "/").expect(200);
    }
}
