//! Request heads: what is read, and each refusal with its reason.

use crate::compare::{LIMITS, agree, ask_request, parse_request};
use ringfence_http::{Form, Framing, HeadLimits, Method, Name, Reason, RequestHead, Version};

fn parse(text: &str) -> (RequestHead, Result<Option<usize>, Reason>) {
    let mut head = RequestHead::new();
    let answer = head.parse(text.as_bytes(), &LIMITS);
    (head, answer.map_err(|fault| fault.reason))
}

/// A good request but for its field lines, which are given.
fn with_fields(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

#[test]
fn a_whole_head() {
    let text = "POST /a/b?c=d HTTP/1.1\r\nhOsT:  example.com:80\t\r\nX-Empty:\r\nContent-Length: 5\r\n\
                Expect: 100-Continue\r\nX-Custom: 1\r\nX-Custom: 2\r\n\r\nhello";
    let buf = text.as_bytes();
    let (head, answer) = parse(text);
    assert_eq!(answer, Ok(Some(text.len() - 5)));
    assert_eq!(head.len, text.len() - 5);
    assert_eq!(
        (head.method, head.version, head.form),
        (Method::Post, Version::Http11, Form::Origin)
    );
    assert_eq!(head.method_text.of(buf), b"POST");
    assert_eq!(head.path.of(buf), b"/a/b");
    assert_eq!(head.query.map(|query| query.of(buf)), Some(&b"c=d"[..]));
    assert_eq!(head.authority.of(buf), b"example.com:80");
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.keep_alive && head.expect_continue);
    assert_eq!(head.get(buf, Name::ContentLength), Some(&b"5"[..]));
    assert_eq!(head.get(buf, Name::Cookie), None);
    assert_eq!(head.find(buf, b"x-empty"), Some(&b""[..]));
    assert_eq!(head.find(buf, b"X-CUSTOM"), Some(&b"1"[..]));
    assert_eq!(head.fields.len(), 6);
    assert_eq!(head.fields[0].id, Name::Host);
    assert_eq!(head.fields[5].id, Name::Other);
}

#[test]
fn refusals_of_the_request_line() {
    use Reason::*;
    let table = [
        ("GET", BadRequestLine),
        ("GET /", BadRequestLine),
        ("GET / ", BadVersion),
        ("GET  / HTTP/1.1", BadRequestLine),
        ("GET /  HTTP/1.1", BadRequestLine),
        ("GET / HTTP/1.1 ", BadRequestLine),
        ("GET\t/\tHTTP/1.1", BadMethod),
        (" GET / HTTP/1.1", BadMethod),
        ("G\u{e9}T / HTTP/1.1", BadMethod),
        ("GET: / HTTP/1.1", BadMethod),
        ("GET /\u{e9} HTTP/1.1", BadTarget),
        ("GET /\0 HTTP/1.1", BadTarget),
        ("GET /a#b HTTP/1.1", BadTarget),
        ("GET /\" HTTP/1.1", BadTarget),
        ("GET a HTTP/1.1", BadTarget),
        ("GET * HTTP/1.1", BadTarget),
        ("GET http:// HTTP/1.1", BadTarget),
        ("GET http://u:p@a/ HTTP/1.1", BadTarget),
        ("GET ftp://a/ HTTP/1.1", BadTarget),
        ("GET / http/1.1", BadVersion),
        ("GET / HTTP/1.", BadVersion),
        ("GET / HTTP/11", BadVersion),
        ("GET / HTTP/1.1x", BadVersion),
        ("GET / HTTP/0.9", VersionNotSupported),
        ("GET / HTTP/1.2", VersionNotSupported),
        ("GET / HTTP/2.0", VersionNotSupported),
        ("GET /\r HTTP/1.1", BareLineFeed),
        ("GET / HTTP/1.1\r", BareLineFeed),
        ("CONNECT a:443 HTTP/1.1", ConnectRefused),
        ("\x16\x03\x01\x02\0\x01\0", BadMethod),
    ];
    for (line, reason) in table {
        let text = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(parse(&text).1, Err(reason), "{line:?}");
    }
    let preface = parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").1;
    assert_eq!(preface, Err(VersionNotSupported));
}

/// Lines that spoil a request, and why.
const BAD_FIELDS: &[(&str, Reason)] = &[
    ("no colon", Reason::BadFieldName),
    (": v", Reason::BadFieldName),
    ("a b: v", Reason::BadFieldName),
    ("a\0: v", Reason::BadFieldName),
    ("caf\u{e9}: v", Reason::BadFieldName),
    ("a\"b: v", Reason::BadFieldName),
    ("Content_Length: 5", Reason::BadFieldName),
    ("X_Forwarded-For: 1.1.1.1", Reason::BadFieldName),
    ("a : v", Reason::SpaceBeforeColon),
    ("a\t: v", Reason::SpaceBeforeColon),
    ("a: v\r\n b", Reason::ObsFold),
    ("a: v\r\n\tb", Reason::ObsFold),
    ("a: \0", Reason::BadFieldValue),
    ("a: b\x0bc", Reason::BadFieldValue),
    ("a: \x7f", Reason::BadFieldValue),
    ("a: b\nc: d", Reason::BareLineFeed),
    ("a\nc: d", Reason::BareLineFeed),
    ("a: b\rc: d", Reason::BareLineFeed),
    ("a: b\r", Reason::BareLineFeed),
    ("a:\nc: d", Reason::BareLineFeed),
    ("Host: a", Reason::RepeatedHost),
    ("host: b", Reason::RepeatedHost),
    ("Content-Length: ", Reason::BadContentLength),
    ("Content-Length: +5", Reason::BadContentLength),
    ("Content-Length: -1", Reason::BadContentLength),
    ("Content-Length: 5, 5", Reason::BadContentLength),
    ("Content-Length: 5 5", Reason::BadContentLength),
    ("Content-Length: 0x5", Reason::BadContentLength),
    ("Content-Length: 1e3", Reason::BadContentLength),
    (
        "Content-Length: 18446744073709551616",
        Reason::BadContentLength,
    ),
    (
        "Content-Length: 5\r\nContent-Length: 6",
        Reason::ConflictingContentLength,
    ),
    (
        "Content-Length: 5\r\ncontent-length: 5",
        Reason::ConflictingContentLength,
    ),
    (
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        Reason::LengthWithTransferEncoding,
    ),
    (
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        Reason::LengthWithTransferEncoding,
    ),
    ("Transfer-Encoding: gzip", Reason::UnknownTransferCoding),
    ("Transfer-Encoding: identity", Reason::UnknownTransferCoding),
    (
        "Transfer-Encoding: gzip, chunked",
        Reason::UnknownTransferCoding,
    ),
    (
        "Transfer-Encoding: chunked, gzip",
        Reason::UnknownTransferCoding,
    ),
    (
        "Transfer-Encoding: chunked;q=1",
        Reason::UnknownTransferCoding,
    ),
    ("Transfer-Encoding: xchunked", Reason::UnknownTransferCoding),
    (
        "Transfer-Encoding: \"chunked\"",
        Reason::UnknownTransferCoding,
    ),
    ("Transfer-Encoding: chunked,", Reason::UnknownTransferCoding),
    ("Transfer-Encoding:", Reason::UnknownTransferCoding),
    (
        "Transfer-Encoding: chunked, chunked",
        Reason::RepeatedTransferCoding,
    ),
    (
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        Reason::RepeatedTransferCoding,
    ),
    (
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        Reason::RepeatedTransferCoding,
    ),
    ("Expect: 200-ok", Reason::ExpectationFailed),
    ("Expect: 100-continue, x", Reason::ExpectationFailed),
];

#[test]
fn refusals_of_field_lines() {
    for (lines, reason) in BAD_FIELDS {
        assert_eq!(parse(&with_fields(lines)).1, Err(*reason), "{lines:?}");
        let bytes = with_fields(lines).into_bytes();
        assert!(
            agree(&parse_request(&bytes), &ask_request(&bytes)),
            "{lines:?}: the oracle says otherwise"
        );
    }
    assert_eq!(
        parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n").1,
        Err(Reason::ObsFold)
    );
}

#[test]
fn host() {
    use Reason::*;
    let table = [
        ("", Err(MissingHost)),
        ("Host:\r\n", Err(BadHost)),
        ("Host: a b\r\n", Err(BadHost)),
        ("Host: a,b\r\n", Err(BadHost)),
        ("Host: http://a\r\n", Err(BadHost)),
        ("Host: u@a\r\n", Err(BadHost)),
        ("Host: a:70000\r\n", Err(BadHost)),
        ("Host: [::1]:80\r\n", Ok("[::1]:80")),
        ("Host: A.example:\r\n", Ok("A.example:")),
    ];
    for (line, want) in table {
        let text = format!("GET / HTTP/1.1\r\n{line}\r\n");
        let (head, answer) = parse(&text);
        let got = answer
            .map(|_| String::from_utf8_lossy(head.authority.of(text.as_bytes())).into_owned());
        assert_eq!(got.as_deref().map_err(|reason| *reason), want, "{line:?}");
    }
}

#[test]
fn http_1_0() {
    let table = [
        ("", Framing::None, false),
        ("Connection: keep-alive\r\n", Framing::None, true),
        ("Connection: keep-alive, close\r\n", Framing::None, false),
        (
            "Content-Length: 5\r\nExpect: 100-continue\r\n",
            Framing::Length(5),
            false,
        ),
        ("Expect: anything\r\n", Framing::None, false),
    ];
    for (lines, framing, keep_alive) in table {
        let (head, answer) = parse(&format!("POST / HTTP/1.0\r\n{lines}\r\n"));
        assert!(matches!(answer, Ok(Some(_))), "{lines:?}");
        assert!(head.authority.is_empty() && !head.expect_continue);
        assert_eq!(
            (head.framing, head.keep_alive),
            (framing, keep_alive),
            "{lines:?}"
        );
    }
    let chunked = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").1;
    assert_eq!(chunked, Err(Reason::TransferEncodingInHttp10));
    let twice = parse("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").1;
    assert_eq!(twice, Err(Reason::RepeatedHost));
}

#[test]
fn target_forms() {
    let table = [
        ("GET /", Form::Origin, "a", "/"),
        ("GET http://b:1/c?d", Form::Absolute, "b:1", "/c"),
        ("GET HTTP://b", Form::Absolute, "b", "/"),
        ("GET https://b?", Form::Absolute, "b", "/"),
        ("OPTIONS *", Form::Asterisk, "a", "*"),
        ("OPTIONS http://b", Form::Absolute, "b", "*"),
        ("OPTIONS http://b?c", Form::Absolute, "b", "/"),
    ];
    for (start, form, authority, path) in table {
        let text = format!("{start} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, answer) = parse(&text);
        assert_eq!(answer, Ok(Some(text.len())), "{start}");
        assert_eq!(head.form, form, "{start}");
        assert_eq!(
            head.authority.of(text.as_bytes()),
            authority.as_bytes(),
            "{start}"
        );
        assert_eq!(head.path_bytes(text.as_bytes()), path.as_bytes(), "{start}");
    }
    // Even where the target's authority wins, Host is held to the rules.
    assert_eq!(
        parse("GET http://b/ HTTP/1.1\r\n\r\n").1,
        Err(Reason::MissingHost)
    );
    assert_eq!(
        parse("GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n").1,
        Err(Reason::BadHost)
    );
}

#[test]
fn connection_options() {
    let text = with_fields(
        "Connection: close, x-a, Host, authorization,,content-length\r\nconnection: X-B\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n\
         Authorization: d\r\nContent-Length: 0",
    );
    let (head, answer) = parse(&text);
    assert!(answer.is_ok() && !head.keep_alive);
    let buf = text.as_bytes();
    let named: Vec<_> = head
        .fields
        .iter()
        .filter(|field| head.is_connection_named(buf, field))
        .map(|field| field.name.of(buf))
        .collect();
    assert_eq!(named, [&b"X-A"[..], b"X-B"]);
}

#[test]
fn empty_lines_before() {
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for count in 0..=4 {
        let text = "\r\n".repeat(count) + good;
        let (head, answer) = parse(&text);
        assert_eq!(answer, Ok(Some(text.len())), "{count}");
        assert_eq!(head.method_text.of(text.as_bytes()), b"GET");
        assert_eq!(head.authority.of(text.as_bytes()), b"a");
    }
    assert_eq!(
        parse(&("\r\n".repeat(5) + good)).1,
        Err(Reason::BadRequestLine)
    );
    assert_eq!(
        parse(&("\n".to_owned() + good)).1,
        Err(Reason::BareLineFeed)
    );
    assert_eq!(
        parse(&("\r".to_owned() + good)).1,
        Err(Reason::BareLineFeed)
    );
    for text in ["", "\r", "\r\n", "\r\n\r"] {
        assert_eq!(parse(text).1, Ok(None), "{text:?}");
    }
}

#[test]
fn limits() {
    let limits = HeadLimits {
        max_line: 20,
        max_head: 60,
        max_fields: 3,
    };
    let padded = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len));
    let table = [
        (padded(6), Ok(())),
        (padded(7), Err(Reason::LineTooLong)),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "x".repeat(28)),
            Ok(()),
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "x".repeat(29)),
            Err(Reason::HeadTooLarge),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC:\r\n\r\n".into(),
            Ok(()),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC:\r\nD:\r\n\r\n".into(),
            Err(Reason::TooManyFields),
        ),
    ];
    for (text, want) in table {
        let mut head = RequestHead::new();
        let whole = head.parse(text.as_bytes(), &limits);
        assert_eq!(
            whole.map(|len| assert_eq!(len, Some(text.len()))),
            want.map_err(Into::into),
            "{text:?}"
        );
        // Byte by byte, and what follows the head does not count.
        let mut answers = (1..=text.len()).map(|len| head.parse(&text.as_bytes()[..len], &limits));
        let bytewise = answers.find(|answer| *answer != Ok(None)).unwrap();
        assert_eq!(bytewise.map(|_| ()), want.map_err(Into::into), "{text:?}");
        let followed = head.parse((text + &"x".repeat(90)).as_bytes(), &limits);
        assert_eq!(followed.map(|_| ()), want.map_err(Into::into));
    }
}

#[test]
fn partial_heads_are_refused_as_soon_as_possible() {
    let limits = HeadLimits {
        max_line: 20,
        max_head: 60,
        max_fields: 3,
    };
    let table = [
        ("GET /xxxxxxxxxxxxxxxxx", Reason::LineTooLong),
        (
            "GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\n",
            Reason::TooManyFields,
        ),
        (
            "GET / HTTP/1.1\r\nA: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            Reason::HeadTooLarge,
        ),
        ("GET / HTTP/1.1\n", Reason::BareLineFeed),
        ("GET / HTTP/1.1\r\nA: b\n", Reason::BareLineFeed),
    ];
    for (text, reason) in table {
        let mut head = RequestHead::new();
        for len in 1..text.len() {
            assert_eq!(
                head.parse(&text.as_bytes()[..len], &limits),
                Ok(None),
                "{text:?} to {len}"
            );
        }
        assert_eq!(
            head.parse(text.as_bytes(), &limits),
            Err(reason.into()),
            "{text:?}"
        );
        assert_eq!(
            RequestHead::new().parse(text.as_bytes(), &limits),
            Err(reason.into()),
            "{text:?} at once"
        );
    }
}

#[test]
fn more_fields_than_the_ceiling() {
    let limits = HeadLimits {
        max_fields: usize::MAX,
        max_head: usize::MAX,
        ..HeadLimits::default()
    };
    let with = |count: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
    let mut head = RequestHead::new();
    let (most, over) = (
        with(HeadLimits::MOST_FIELDS),
        with(HeadLimits::MOST_FIELDS + 1),
    );
    assert_eq!(head.parse(most.as_bytes(), &limits), Ok(Some(most.len())));
    assert_eq!(head.fields.len(), HeadLimits::MOST_FIELDS);
    assert_eq!(
        head.parse(over.as_bytes(), &limits),
        Err(Reason::TooManyFields.into())
    );
}

/// One head after another through the same struct, and one given up on in between.
#[test]
fn reuse() {
    let mut head = RequestHead::new();
    let (first, second) = (with_fields("Content-Length: 5"), with_fields("X: y"));
    assert_eq!(head.parse(first.as_bytes(), &LIMITS), Ok(Some(first.len())));
    assert_eq!(head.parse(&second.as_bytes()[..20], &LIMITS), Ok(None));
    assert_eq!(
        head.parse(second.as_bytes(), &LIMITS),
        Ok(Some(second.len()))
    );
    assert_eq!(head.framing, Framing::None);
    assert_eq!(head.fields.len(), 2);
    assert_eq!(head.parse(&first.as_bytes()[..40], &LIMITS), Ok(None));
    head.reset();
    let short = "GET / HTTP/1.0\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    assert_eq!(head.parse(short.as_bytes(), &LIMITS), Ok(Some(18)));
}
