//! Fields: what is for one hop stays on it, and what servers and clients are told about each other.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use ringfence_tests::{Client, Origin, Request, Ringfence, site};

/// Sends a GET with these field lines; returns what the origin got.
fn forwarded(config: &str, origin: &Origin, fields: &str) -> Request {
    let ringfence = Ringfence::start(config);
    ringfence.client().asks("GET", "/", fields).expect(200);
    origin.only_request()
}

#[test]
fn hop_by_hop_request_fields_are_dropped() {
    let origin = Origin::kit("a");
    let fields = "Connection: X-Mine, keep-alive, x-other\r\nX-Mine: 1\r\nX-Other: 1\r\nKeep-Alive: timeout=9\r\n\
        Proxy-Connection: keep-alive\r\nUpgrade: foo/1\r\nTE: gzip\r\nX-Kept: 1\r\nCookie: a=b\r\nAuthorization: Basic x\r\n";
    let request = forwarded(&site(&[&origin]), &origin, fields);
    for gone in [
        "x-mine",
        "x-other",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "transfer-encoding",
    ] {
        assert_eq!(request.all(gone), Vec::<&str>::new(), "{gone}");
    }
    for (kept, value) in [
        ("x-kept", "1"),
        ("cookie", "a=b"),
        ("authorization", "Basic x"),
    ] {
        assert_eq!(request.field(kept), Some(value));
    }
    let named = request.all("connection").join(",").to_lowercase();
    assert!(!named.contains("x-mine"), "{named}");
}

#[test]
fn connection_cannot_take_away_what_requests_need() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nCookie: c\r\n\
         Connection: Host, Content-Length, close, X-Forwarded-For, Via, X-Request-ID\r\n\r\nabc",
    );
    assert_eq!(client.hears().expect(200).text(), "abc");
    let request = origin.only_request();
    assert_eq!(request.field("host"), Some("h"));
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn hop_by_hop_response_fields_are_dropped() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let answer = ringfence.get("/hop").expect(200);
    for gone in ["x-secret", "keep-alive", "proxy-connection"] {
        assert_eq!(answer.all(gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(answer.field("x-open"), Some("1"));
}

#[test]
fn repeated_fields_stay_apart_and_in_order() {
    let origin = Origin::serving("a", |visit| {
        visit.request()?;
        visit.send("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; HttpOnly\r\nVary: A\r\nVary: B\r\nContent-Length: 0\r\n\r\n")
    });
    let ringfence = Ringfence::start(&site(&[&origin]));
    let answer = ringfence
        .client()
        .asks("GET", "/", "X-A: 1\r\nX-B: 0\r\nX-A: 2\r\n")
        .expect(200);
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2; HttpOnly"]);
    assert_eq!(answer.all("vary"), ["A", "B"]);
    assert_eq!(origin.only_request().all("x-a"), ["1", "2"]);
}

#[test]
fn servers_are_told_about_the_client() {
    let origin = Origin::kit("a");
    let request = forwarded(&site(&[&origin]), &origin, "");
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("test.example"));
    assert_eq!(request.field("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(request.field("via"), Some("1.1 ringfence"));
    assert!(
        request
            .field("x-request-id")
            .is_some_and(|id| id.len() >= 16)
    );
}

#[test]
fn the_standard_forwarded_field_is_written_when_asked() {
    let origin = Origin::kit("a");
    let config = site(&[&origin])
        + "\n[forwarding]\nforwarded = true\nx_forwarded = false\nvia = \"edge-7\"\n";
    let request = forwarded(&config, &origin, "Via: 1.0 front\r\n");
    let value = request.field("forwarded").expect("Forwarded");
    for part in ["for=127.0.0.1", "host=test.example", "proto=http"] {
        assert!(value.contains(part), "{value}");
    }
    assert_eq!(request.field("x-forwarded-for"), None);
    let via = request.all("via").join(", ");
    assert_eq!(via, "1.0 front, 1.1 edge-7");
}

#[test]
fn strangers_are_not_believed() {
    let origin = Origin::kit("a");
    let request = forwarded(&site(&[&origin]), &origin, LIES);
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("test.example"));
    assert_eq!(request.field("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(request.all("forwarded"), Vec::<&str>::new());
    assert_ne!(request.field("x-request-id"), Some("given-id-0123456789"));
}

const LIES: &str = "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: other\r\n\
    X-Real-IP: 192.0.2.3\r\nForwarded: for=192.0.2.4\r\nX-Request-ID: given-id-0123456789\r\n";

#[test]
fn trusted_proxies_are_believed() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]) + "\n[forwarding]\ntrusted = [\"127.0.0.0/8\"]\n";
    let request = forwarded(&config, &origin, LIES);
    assert_eq!(
        request.field("x-forwarded-for"),
        Some("192.0.2.1, 192.0.2.2, 127.0.0.1")
    );
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("other"));
    assert_eq!(
        request.field("x-real-ip"),
        Some("192.0.2.2"),
        "the nearest address that is not trusted"
    );
    assert_eq!(request.field("x-request-id"), Some("given-id-0123456789"));
}

#[test]
fn trust_goes_by_the_address_of_the_peer() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]) + "\n[forwarding]\ntrusted = [\"127.0.0.9/32\"]\n";
    let ringfence = Ringfence::start(&config);
    let ask = |last: u8| {
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        Client::connect_from(source, ringfence.address())
            .asks("GET", "/", LIES)
            .expect(200);
        origin.requests().pop().expect("a request")
    };
    assert_eq!(ask(9).field("x-real-ip"), Some("192.0.2.2"));
    assert_eq!(ask(8).field("x-real-ip"), Some("127.0.0.8"));
}

#[test]
fn every_request_has_an_id_of_its_own() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut told = HashSet::new();
    for _ in 0..5 {
        let mut client = ringfence.client();
        for _ in 0..10 {
            let answer = client.gets("/").expect(200);
            told.insert(answer.field("x-request-id").expect("an id").to_string());
        }
    }
    let forwarded: HashSet<String> = origin
        .requests()
        .iter()
        .map(|request| request.field("x-request-id").expect("an id").to_string())
        .collect();
    assert_eq!(told.len(), 50);
    assert_eq!(told, forwarded);
}

#[test]
fn an_id_that_could_do_harm_is_not_kept() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]) + "\n[forwarding]\ntrusted = [\"127.0.0.0/8\"]\n";
    let ringfence = Ringfence::start(&config);
    for id in [
        "x".repeat(5000),
        "a\tb".to_string(),
        "caf\u{e9} \"quoted\"".to_string(),
    ] {
        let answer = ringfence
            .client()
            .asks("GET", "/", &format!("X-Request-ID: {id}\r\n"))
            .expect(200);
        assert_ne!(answer.field("x-request-id"), Some(id.as_str()));
        assert!(
            answer
                .field("x-request-id")
                .is_some_and(|id| id.len() < 200)
        );
    }
}

#[test]
fn clients_are_told_what_the_file_says() {
    let origin = Origin::kit("a");
    let shown = "\n[expose]\nbackend_server = true\nserver_timing = true\nrequest_id = true\n";
    let ringfence = Ringfence::start(&(site(&[&origin]) + shown));
    let answer = ringfence.get("/").expect(200);
    assert_eq!(
        answer.field("x-backend-server"),
        Some(origin.address().as_str())
    );
    assert!(
        answer
            .field("server-timing")
            .is_some_and(|value| value.contains("dur="))
    );
    assert!(answer.field("x-request-id").is_some());

    let hidden = "\n[expose]\nbackend_server = false\nserver_timing = false\nrequest_id = false\n";
    let ringfence = Ringfence::start(&(site(&[&origin]) + hidden));
    let answer = ringfence.get("/").expect(200);
    for name in ["x-backend-server", "server-timing", "x-request-id"] {
        assert_eq!(answer.field(name), None);
    }
}

#[test]
fn responses_name_the_way_they_came() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    assert_eq!(
        ringfence.get("/").expect(200).field("via"),
        Some("1.1 ringfence")
    );
}

#[test]
fn max_forwards_is_counted_down() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client
        .asks("OPTIONS", "/", "Max-Forwards: 5\r\n")
        .expect(200);
    assert_eq!(origin.only_request().field("max-forwards"), Some("4"));
    // At zero the request goes no further (RFC 9110, 7.6.2).
    client.asks("OPTIONS", "/", "Max-Forwards: 0\r\n");
    assert_eq!(origin.requests().len(), 1);
}
