//! Response heads: what is read, and what an upstream may not send.

use crate::compare::{LIMITS, agree, ask_response, parse_response};
use ringfence_http::{Framing, HeadLimits, Method, Reason, ResponseHead, Version};

fn parse(text: &str, method: Method) -> (ResponseHead, Result<Option<usize>, Reason>) {
    let mut head = ResponseHead::new();
    let answer = head.parse(text.as_bytes(), &LIMITS, method);
    (head, answer.map_err(|fault| fault.reason))
}

#[test]
fn status_lines() {
    let table = [
        ("HTTP/1.1 200 OK", Version::Http11, 200, "OK"),
        ("HTTP/1.1 404 ", Version::Http11, 404, ""),
        ("HTTP/1.1 599", Version::Http11, 599, ""),
        (
            "HTTP/1.0 302 Moved \t Temporarily",
            Version::Http10,
            302,
            "Moved \t Temporarily",
        ),
        ("HTTP/1.1 100 \u{e9}", Version::Http11, 100, "\u{e9}"),
    ];
    for (line, version, status, reason) in table {
        let text = format!("{line}\r\nServer: x\r\n\r\n");
        let (head, answer) = parse(&text, Method::Get);
        assert_eq!(answer, Ok(Some(text.len())), "{line}");
        assert_eq!((head.version, head.status), (version, status), "{line}");
        assert_eq!(head.reason.of(text.as_bytes()), reason.as_bytes(), "{line}");
        assert_eq!(head.find(text.as_bytes(), b"server"), Some(&b"x"[..]));
    }
}

#[test]
fn framings() {
    use Framing::{Chunked, Length, None, UntilClose};
    let (get, head, connect) = (Method::Get, Method::Head, Method::Connect);
    let table = [
        ("1.1 200", "Content-Length: 5", get, Length(5), true),
        ("1.1 200", "Content-Length: 0", get, Length(0), true),
        ("1.1 200", "Transfer-Encoding: chunked", get, Chunked, true),
        (
            "1.1 200",
            "Transfer-Encoding: chunked\r\nConnection: close",
            get,
            Chunked,
            false,
        ),
        ("1.1 200", "X: y", get, UntilClose, false),
        ("1.1 200", "Connection: keep-alive", get, UntilClose, false),
        ("1.1 200", "Content-Length: 5", head, None, true),
        ("1.1 200", "Transfer-Encoding: chunked", head, None, true),
        ("1.1 200", "X: y", head, None, true),
        ("1.1 204", "Content-Length: 5", get, None, false),
        ("1.1 204", "Transfer-Encoding: chunked", get, None, false),
        ("1.1 204", "Content-Length: 0", get, None, true),
        ("1.1 100", "Content-Length: 0", get, None, true),
        ("1.1 304", "Content-Length: 5", get, None, true),
        ("1.1 100", "X: y", get, None, true),
        ("1.1 101", "Upgrade: websocket", get, None, true),
        ("1.1 103", "Link: x", get, None, true),
        ("1.1 205", "X: y", get, UntilClose, false),
        ("1.0 200", "Content-Length: 5", get, Length(5), false),
        (
            "1.0 200",
            "Content-Length: 5\r\nConnection: Keep-Alive",
            get,
            Length(5),
            true,
        ),
        ("1.0 200", "X: y", get, UntilClose, false),
        ("1.1 200", "X: y", connect, None, true),
        ("1.1 400", "X: y", connect, UntilClose, false),
    ];
    for (line, fields, method, framing, keep_alive) in table {
        let (head, answer) = parse(&format!("HTTP/{line} x\r\n{fields}\r\n\r\n"), method);
        assert!(matches!(answer, Ok(Some(_))), "{line} {fields}");
        assert_eq!(
            (head.framing, head.keep_alive),
            (framing, keep_alive),
            "{line} {fields} {method:?}"
        );
    }
}

#[test]
fn refusals() {
    let table = [
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1 20x x\r\n\r\n",
        "HTTP/1.1 2000\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/1.1 200\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 103 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "220 mail.example ESMTP\r\n",
    ];
    for text in table {
        assert_eq!(
            parse(text, Method::Get).1,
            Err(Reason::BadUpstreamHead),
            "{text:?}"
        );
        let ours = parse_response(text.as_bytes(), Method::Get);
        assert!(
            agree(&ours, &ask_response(text.as_bytes(), Method::Get)),
            "{text:?}"
        );
    }
}

#[test]
fn limits() {
    let limits = HeadLimits {
        max_line: 20,
        max_head: 60,
        max_fields: 2,
    };
    let table = [
        format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(8)),
        format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(60)),
        "HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\n\r\n".to_owned(),
    ];
    for text in table {
        let mut head = ResponseHead::new();
        let whole = head.parse(text.as_bytes(), &limits, Method::Get);
        assert_eq!(whole, Err(Reason::UpstreamHeadTooLarge.into()), "{text:?}");
        let mut answers =
            (1..=text.len()).map(|len| head.parse(&text.as_bytes()[..len], &limits, Method::Get));
        let bytewise = answers.find(|answer| *answer != Ok(None));
        assert_eq!(
            bytewise,
            Some(Err(Reason::UpstreamHeadTooLarge.into())),
            "{text:?}"
        );
    }
}

#[test]
fn one_response_after_another() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut head = ResponseHead::new();
    let first = head
        .parse(text.as_bytes(), &LIMITS, Method::Post)
        .unwrap()
        .unwrap();
    assert_eq!((first, head.status), (25, 100));
    let rest = &text.as_bytes()[first..];
    assert_eq!(
        head.parse(rest, &LIMITS, Method::Post),
        Ok(Some(rest.len() - 2))
    );
    assert_eq!((head.status, head.framing), (200, Framing::Length(2)));
}
