//! Strictness (RFC 9112): every malformed request is answered with the right status, the connection
//! is closed, and the origin never hears of it.

use ringfence_tests::{Client, Origin, Ringfence, site};

/// What is wrong, the bytes, and the status that they deserve.
type Case = (&'static str, String, u16);

fn case(what: &'static str, bytes: impl Into<String>, status: u16) -> Case {
    (what, bytes.into(), status)
}

/// A request with these field lines besides Host.
fn with_fields(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// Sends each case on a connection of its own; the answer, the close and the origin are looked at.
fn all_are_refused(cases: &[Case]) {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut wrong = Vec::new();
    for (what, bytes, status) in cases {
        let outcome = refusal(&mut ringfence.client(), bytes);
        if outcome != Ok(*status) {
            wrong.push(format!("{what}: {outcome:?} where {status} is due"));
        }
    }
    wrong.extend(
        origin
            .requests()
            .iter()
            .map(|r| format!("reached the origin: {:?}", r.head)),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    // And nothing is broken for others.
    ringfence.get("/").expect(200);
}

/// The status with which the server refuses these bytes, if it then closes.
fn refusal(client: &mut Client, bytes: &str) -> Result<u16, String> {
    client.says(latin1(bytes));
    let answer = client.try_hears().map_err(|wrong| wrong.to_string())?;
    if !answer.closes() {
        return Err(format!("{} without Connection: close", answer.status));
    }
    match client.is_closed_within(ringfence_tests::PATIENCE) {
        true => Ok(answer.status),
        false => Err(format!("{} and still open", answer.status)),
    }
}

/// Each char is one byte, so that a case can hold any.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

#[test]
fn request_lines() {
    all_are_refused(&[
        case("no words", "\0\0\0\0\r\n\r\n", 400),
        case("garbage", "this is no request at all\r\n\r\n", 400),
        case(
            "a TLS hello",
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n",
            400,
        ),
        case("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        case("no version", "GET /\r\nHost: h\r\n\r\n", 400),
        case("no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        case("four words", "GET / / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        case("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        case(
            "space before the version",
            "GET /  HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "space at the end",
            "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "space at the start",
            " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
        case("tab between", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        case(
            "method is no token",
            "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
        case("empty method", " / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        case(
            "version in lower case",
            "GET / http/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "version of one digit",
            "GET / HTTP/1\r\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "version of three digits",
            "GET / HTTP/1.10\r\nHost: h\r\n\r\n",
            400,
        ),
        case("version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        case("version 0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
        case(
            "NUL in the method",
            "G\0T / HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
    ]);
}

#[test]
fn targets() {
    let target = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    all_are_refused(&[
        case("relative", target("path"), 400),
        case("a fragment", target("/a#b"), 400),
        case("an asterisk for GET", target("*"), 400),
        case("authority form for GET", target("h:80"), 400),
        case("a NUL", target("/a\0b"), 400),
        case("a control character", target("/a\x01b"), 400),
        case("DEL", target("/a\x7fb"), 400),
        case("an octet over 127", target("/a\u{e9}b"), 400),
        case("a tab", target("/a\tb"), 400),
        case("a bare CR", target("/a\rb"), 400),
        case("half an escape", target("/a%4"), 400),
        case("a bad escape", target("/a%zz"), 400),
        case("unknown scheme", target("ftp://h/"), 400),
        case("no authority", target("http:///a"), 400),
        case("user information", target("http://user@h/"), 400),
        case("a backslash", target("\\a"), 400),
    ]);
}

/// These are whole requests, so that the connection may go on.
#[test]
fn paths_that_lead_nowhere() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for path in [
        "/a%00b",
        "/../etc/passwd",
        "/%2e%2E/etc/passwd",
        "/a/../../b",
        "/a/%2e%2e/.%2E/b",
    ] {
        ringfence.get(path).expect(400);
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn line_ends() {
    all_are_refused(&[
        case(
            "bare LF after the request line",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "bare LF after a field",
            "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
            400,
        ),
        case("bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
        case("only bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400),
        case(
            "bare CR in a value",
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc: d\r\n\r\n",
            400,
        ),
        case(
            "bare CR after a field",
            "GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n",
            400,
        ),
        case("CR CR LF", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400),
        case("LF CR", "GET / HTTP/1.1\n\rHost: h\n\r\n\r", 400),
        case(
            "bare CR before the request",
            "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
        case(
            "bare LF before the request",
            "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
        ),
    ]);
}

#[test]
fn field_lines() {
    all_are_refused(&[
        case("no colon", with_fields("Nonsense"), 400),
        case("no name", with_fields(": value"), 400),
        case(
            "space before the colon",
            with_fields("Content-Length : 5"),
            400,
        ),
        case("tab before the colon", with_fields("A\t: b"), 400),
        case("space in the name", with_fields("A B: c"), 400),
        case("name is no token", with_fields("A(B: c"), 400),
        case("octet over 127 in the name", with_fields("\u{e4}: c"), 400),
        case("NUL in the name", with_fields("A\0B: c"), 400),
        case("NUL in the value", with_fields("A: b\0c"), 400),
        case(
            "control character in the value",
            with_fields("A: b\x01c"),
            400,
        ),
        case("DEL in the value", with_fields("A: b\x7fc"), 400),
        case("folded with a space", with_fields("A: b\r\n c"), 400),
        case("folded with a tab", with_fields("A: b\r\n\tc"), 400),
        case(
            "folded first line",
            "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            400,
        ),
        case(
            "space before the first name",
            "GET / HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n",
            400,
        ),
    ]);
}

#[test]
fn hosts() {
    let host = |value: &str| format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n");
    all_are_refused(&[
        case("none", "GET / HTTP/1.1\r\n\r\n", 400),
        case(
            "none beside absolute form",
            "GET http://h/ HTTP/1.1\r\n\r\n",
            400,
        ),
        case("two", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        case(
            "two alike",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            400,
        ),
        case(
            "two in HTTP/1.0",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            400,
        ),
        case("a list", host("a, b"), 400),
        case("a space", host("a b"), 400),
        case("a path", host("a/b"), 400),
        case("user information", host("user@h"), 400),
        case("a bad port", host("h:port"), 400),
        case("a port out of range", host("h:99999"), 400),
        case("half a literal", host("[::1"), 400),
        case("a quote", host("\"h\""), 400),
    ]);
}

#[test]
fn lengths() {
    let length = |value: &str| with_fields(&format!("Content-Length: {value}"));
    let mut cases = vec![
        case(
            "differing",
            with_fields("Content-Length: 1\r\nContent-Length: 2"),
            400,
        ),
        case(
            "twice alike",
            with_fields("Content-Length: 1\r\nContent-Length: 1"),
            400,
        ),
        case(
            "on a GET, twice",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n",
            400,
        ),
    ];
    for value in [
        "",
        "+5",
        "-5",
        "-0",
        "5.0",
        "0x5",
        "5e0",
        "5 5",
        "5,5",
        "5, 6",
        "five",
        "\"5\"",
        "5;",
        "1_0",
        "18446744073709551616",
        "99999999999999999999999999999999",
    ] {
        cases.push((
            Box::leak(format!("length {value:?}").into_boxed_str()),
            length(value),
            400,
        ));
    }
    all_are_refused(&cases);
}

#[test]
fn transfer_codings() {
    let coding = |value: &str| with_fields(&format!("Transfer-Encoding: {value}"));
    all_are_refused(&[
        case(
            "with a length",
            with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked"),
            400,
        ),
        case(
            "with a length after it",
            with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            400,
        ),
        case(
            "twice",
            with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            400,
        ),
        case("chunked twice in a list", coding("chunked, chunked"), 400),
        case("identity", coding("identity"), 501),
        case("gzip", coding("gzip"), 501),
        case("gzip, chunked", coding("gzip, chunked"), 501),
        case("chunked, gzip", coding("chunked, gzip"), 501),
        case("chunked with a parameter", coding("chunked;q=1"), 501),
        case("quoted", coding("\"chunked\""), 501),
        case("misspelt", coding("xchunked"), 501),
        case("with a dot", coding("chunked."), 501),
        case("empty", coding(""), 501),
        case("vertical tab", coding("\x0bchunked"), 400),
        case(
            "in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
    ]);
}

#[test]
fn sizes() {
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000));
    let long_value = with_fields(&format!("A: {}", "b".repeat(200_000)));
    let many_fields = with_fields(&vec!["A: b"; 5_000].join("\r\n"));
    all_are_refused(&[
        case("request line", long_path, 414),
        case("one field", long_value, 431),
        case("count of fields", many_fields, 431),
    ]);
}

/// A body that turns out malformed: by then the request may have been forwarded in part, so the
/// answer may be the client's 400 or a close, but the origin must never see a whole request.
#[test]
fn chunks() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut wrong = Vec::new();
    for body in [
        "x\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "5;\x01\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\nBad Name: x\r\n\r\n",
        "5\r\nhello\r\n0\r\nNoColon\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "10000000000000000\r\nhello",
        "fffffffffffffffff\r\nhello",
    ] {
        let mut client = ringfence.client();
        client.says(chunked(body));
        let heard = client.hears_out();
        let refused = heard.is_empty() || heard.starts_with(b"HTTP/1.1 400 ");
        if !refused {
            wrong.push(format!("{body:?}: {:?}", String::from_utf8_lossy(&heard)));
        }
    }
    let endless = format!("5;{}", "a".repeat(100_000));
    let mut client = ringfence.client();
    let _ = client.try_says(chunked(&endless));
    let heard = client.hears_out();
    assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 400 "));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let whole = |stream: &Vec<u8>| {
        !stream.is_empty() && ringfence_tests::oracle::parse_stream(stream).is_ok()
    };
    let executed: Vec<_> = origin.transcripts().into_iter().filter(whole).collect();
    assert!(
        executed.is_empty(),
        "the origin saw whole requests: {executed:?}"
    );
}

#[test]
fn a_refusal_ends_a_pipeline() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says(
        "GET /first HTTP/1.1\r\nHost: h\r\n\r\nGET /bad HTTP/1.1\r\nHost : h\r\n\r\n\
         GET /never HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    client.hears().expect(200);
    client.hears().expect(400);
    client.hears_close();
    assert_eq!(origin.only_request().target, "/first");
}

#[test]
fn a_refusal_is_a_proper_response() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    let answer = client
        .says("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n")
        .hears()
        .expect(400);
    assert!(answer.field("date").is_some(), "{:?}", answer.fields);
    assert!(
        answer.field("content-length").is_some(),
        "{:?}",
        answer.fields
    );
}

#[test]
fn what_is_unusual_but_right_is_served() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for request in [
        "GET / HTTP/1.1\r\nHOST:h\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: \t h \t \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nEmpty:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: caf\u{e9}\r\n\r\n",
        "GET /a;b=c,d/!$&'()*+:@-._~?q=/?:@ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /%E2%82%AC HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0005\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n00000005;a=b;c=\"d;e\"\r\nhello\r\n000\r\n\r\n",
        "!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut client = ringfence.client();
        let answer = client.says(latin1(request)).hears();
        assert_eq!(answer.status, 200, "{request:?}");
    }
}
