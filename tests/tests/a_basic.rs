//! Plain proxying of HTTP/1.1: what goes in comes out on the other side.

use std::time::Duration;

use ringfence_tests::{Origin, Ringfence, TempDir, eventually, kit, site};

#[test]
fn get_brings_status_fields_and_body() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let answer = ringfence.get("/hello?x=1").expect(200);
    assert_eq!((answer.origin(), answer.text().as_str()), ("a", "a"));
    assert_eq!(answer.field("content-type"), Some("text/plain"));
    let request = origin.only_request();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("GET", "/hello?x=1")
    );
    assert_eq!(request.field("host"), Some("test.example"));
}

#[test]
fn every_status_comes_through() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for status in [
        200, 201, 204, 206, 301, 304, 400, 401, 404, 418, 429, 500, 501, 599,
    ] {
        client.gets(&format!("/status/{status}")).expect(status);
    }
}

#[test]
fn head_brings_the_length_and_no_body() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    let answer = client.asks("HEAD", "/bytes/1000", "").expect(200);
    assert_eq!(answer.field("content-length"), Some("1000"));
    client.asks("HEAD", "/chunked/1000", "").expect(200);
    assert_eq!(client.gets("/bytes/5").expect(200).body.len(), 5);
    assert_eq!(origin.requests()[0].method, "HEAD");
}

#[test]
fn post_brings_the_body_both_ways() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for size in [0, 1, 4095, 4096, 4097, 65_536, 1_000_000] {
        let body = kit::pattern(size);
        let answer = client.sends("POST", "/echo", &body).expect(200);
        assert!(
            answer.body == body,
            "{size} bytes came back as {}",
            answer.body.len()
        );
    }
}

#[test]
fn chunked_requests_arrive_whole() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    client
        .says("5\r\nhello\r\n")
        .says("1;ext=\"quoted\"\r\n \r\n");
    std::thread::sleep(Duration::from_millis(50));
    client.says("0005\r\nworld\r\n0\r\n\r\n");
    assert_eq!(client.hears().expect(200).text(), "hello world");
    assert_eq!(client.gets("/").expect(200).text(), "a");
}

#[test]
fn chunked_responses_arrive_whole() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for size in [0, 1, 1000, 1001, 300_000] {
        let answer = client.gets(&format!("/chunked/{size}")).expect(200);
        assert!(answer.body == kit::pattern(size), "{size}");
    }
}

#[test]
fn a_connection_serves_many_requests_and_so_does_the_one_behind() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for _ in 0..50 {
        client.gets("/").expect(200);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "GET /sleep/100 HTTP/1.1\r\nHost: h\r\n\r\n\
         POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
         POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n\
         GET /bytes/3 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let bodies: Vec<String> = (0..4).map(|_| client.hears().expect(200).text()).collect();
    assert_eq!(bodies, ["a", "abc", "def", "abc"]);
}

#[test]
fn a_hundred_pipelined_requests_are_all_answered() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("GET /bytes/10 HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100));
    for _ in 0..100 {
        assert_eq!(client.hears().expect(200).body.len(), 10);
    }
    client.hears_nothing(Duration::from_millis(50));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for byte in
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    {
        client.says([*byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.hears().expect(200).text(), "hi");
}

#[test]
fn empty_lines_before_a_request_are_forgiven() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client
        .says("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .hears()
        .expect(200);
}

#[test]
fn connection_close_is_honoured() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    let answer = client.asks("GET", "/", "Connection: close\r\n").expect(200);
    assert!(answer.closes());
    client.hears_close();
    // The client's wish is not the origin's.
    ringfence.get("/").expect(200);
    assert_eq!(origin.requests()[0].field("connection"), None);
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for path in ["/sleep/200", "/bytes/500000"] {
        let mut client = ringfence.client();
        client
            .says(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
            .ends_sending();
        client.hears().expect(200);
        client.hears_close();
    }
}

#[test]
fn a_client_that_left_is_noticed() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("GET /drip/1000/20 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.hears_through("\r\n\r\n");
    client.resets();
    eventually("the server's connection is given up", || {
        origin.open_connections() == 0
    });
}

#[test]
fn responses_delimited_by_close_arrive_whole() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for size in [0, 10, 200_000] {
        let answer = client.gets(&format!("/close/{size}")).expect(200);
        assert!(answer.body == kit::pattern(size), "{size}");
        assert!(
            !answer.until_close,
            "an HTTP/1.1 client keeps its connection"
        );
    }
    let answer = client.gets("/http10").expect(200);
    assert_eq!(answer.body.len(), 100);
}

#[test]
fn http_1_0_clients_are_served() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for (path, size) in [
        ("/bytes/10", 10),
        ("/chunked/5000", 5000),
        ("/close/700", 700),
        ("/hints", 1),
    ] {
        let mut client = ringfence.client();
        client.says(format!("GET {path} HTTP/1.0\r\nHost: h\r\n\r\n"));
        let answer = client.hears().expect(200);
        assert_eq!(answer.body.len(), size, "{path}");
        assert_eq!(answer.field("transfer-encoding"), None, "{path}");
        if !answer.until_close {
            client.hears_close();
        }
    }
    // Without Host: HTTP/1.0 does not demand it.
    let mut client = ringfence.client();
    client
        .says("GET /bytes/10 HTTP/1.0\r\n\r\n")
        .hears()
        .expect(200);
}

#[test]
fn http_1_0_clients_may_keep_their_connection() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for _ in 0..2 {
        client.says("GET /bytes/10 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.hears().expect(200);
        assert_eq!(
            answer.field("connection").map(str::to_lowercase).as_deref(),
            Some("keep-alive")
        );
    }
}

#[test]
fn unix_socket_servers_are_reached() {
    let dir = TempDir::new();
    let origin = Origin::kit_at("u", dir.path().join("app.sock"));
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    assert_eq!(client.gets("/").expect(200).origin(), "u");
    assert_eq!(
        client
            .sends("POST", "/echo", b"over a path")
            .expect(200)
            .text(),
        "over a path"
    );
    assert_eq!(origin.connections(), 1);
}

#[test]
fn absolute_form_names_the_host() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("GET http://other.example/p?q HTTP/1.1\r\nHost: ignored.example\r\n\r\n");
    client.hears().expect(200);
    let request = origin.only_request();
    assert_eq!(request.target, "/p?q");
    assert_eq!(request.field("host"), Some("other.example"));
}

#[test]
fn options_of_the_whole_server_comes_through() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    ringfence.client().asks("OPTIONS", "*", "").expect(200);
    let request = origin.only_request();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("OPTIONS", "*")
    );
}

#[test]
fn unusual_methods_come_through() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH"] {
        client.asks(method, "/", "").expect(200);
        assert_eq!(
            origin
                .requests()
                .last()
                .map(|r| r.method.clone())
                .as_deref(),
            Some(method)
        );
    }
}

#[test]
fn connect_is_refused() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    let answer = client.hears();
    assert!(matches!(answer.status, 405 | 501), "{}", answer.status);
    client.hears_close();
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn many_clients_are_served_at_once() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let address = ringfence.address();
    let clients: Vec<_> = (0..50)
        .map(|number: usize| {
            std::thread::spawn(move || {
                let mut client = ringfence_tests::Client::connect(address);
                for _ in 0..5 {
                    let body = kit::pattern(number * 100);
                    assert!(client.sends("POST", "/echo", &body).expect(200).body == body);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("every client is content");
    }
}
