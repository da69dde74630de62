//! Ambiguous requests: we refuse, or what an origin would receive from us reads there as exactly
//! the one request that we routed, with a body of the same bytes.

use crate::generate;
use crate::passage::{check, pass};
use proptest::prelude::*;

/// Heads from published attacks; `{}` stands for what is varied.
const SHAPES: &[&str] = &[
    "POST / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n{}\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{}\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\n{}\r\nHost: a\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\n{}\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
];

const VARIED: &[&str] = &[
    "Content-Length: 5",
    "Content-Length: 6",
    "Content-Length: 0",
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5,5",
    "Content-Length: 5 ",
    "Content-Length:5\x0b",
    "Content-Length: 0x5",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length:\r\n 5",
    "Content-Length : 5",
    "Content-Length\t: 5",
    "Content-Length\u{a0}: 5",
    "Content_Length: 5",
    "Content-Length: 5\n",
    "Content-Length: \u{665}",
    "Content-Length: 1e1",
    "Content-Length: 99999999999999999999",
    "content-length: 5",
    "Transfer-Encoding: chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: x\nTransfer-Encoding: chunked",
    "X: x\rTransfer-Encoding: chunked",
    "X: x\r\n\rTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked;x=y",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chu\u{f}nked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding\0: chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: cow",
    "\0Transfer-Encoding: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding:\u{85}chunked",
    "Transfer-Encoding: chunKed\u{212a}",
    "Transfer-Encoding: chun\u{212a}ed",
    "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    "Connection: Content-Length",
    "Connection: Host",
    "Connection: close\r\nTransfer-Encoding: chunked",
    "Trailer: Content-Length",
    "TE: chunked",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
    "Expect: 100-continue",
    "Host: b",
    "Host : b",
    " Host: b",
    "Host: b\r\nHost: c",
    "X-Forwarded-Host: b",
    "X: \r\n\r\nGET /evil HTTP/1.1",
    "X: y\r\n\n",
    "X: y\n\r\n",
    "X: y\n\n",
    "X:\r",
    "GET /evil HTTP/1.1",
    "GET /evil HTTP/1.1\r\nHost: a",
    ":",
    ": x",
    "X",
    "\u{feff}X: y",
    "Keep-Alive: 5",
    "X-HTTP-Method-Override: DELETE",
];

const TARGETS: &[&str] = &[
    "/a/../evil",
    "/a/..%2fevil",
    "/a/%2e%2e/evil",
    "/a/..;/evil",
    "//evil",
    "/a//../evil",
    "/%2e%2e/evil",
    "/a%00",
    "/a%0d%0aHost:%20b",
    "/a?b\tc",
    "/a\tHTTP/1.1",
    "/a#/../evil",
    "/a\\..\\evil",
    "http://b/evil",
    "http://a@b/evil",
    "http://a/%2e%2e/evil",
    "http://b",
    "http://b?/evil",
    "http:/b/evil",
    "http:b",
    "?evil",
    "*",
    "a/../evil",
    "/a?%0d%0a",
    "/a?/../evil",
    "/%61/%2E/b",
    "/a/%2F../evil",
    "/\u{ff0f}evil",
    "/a%c0%ae",
    "https://b:0/..",
    "/a HTTP/1.1",
];

const BODIES: &[&str] = &[
    "5\r\nhello\r\n0\r\n\r\n",
    "5;x\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n0\r\n\r\n",
    "5\rX\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5\r\nhelloX\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5,5\r\nhello\r\n0\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    "0\r\nHost: b\r\n\r\n",
    "0\r\n\r\n0\r\n\r\n",
    "0\n\n",
    "\r\n0\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0;\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffb\r\nhello",
    "5\r\nhello\r\n00000000000000000\r\n\r\n",
];

#[test]
fn field_tricks() {
    for shape in SHAPES {
        for varied in VARIED {
            check(shape.replace("{}", varied).as_bytes());
        }
    }
}

#[test]
fn target_tricks() {
    for method in ["GET", "POST", "OPTIONS", "CONNECT"] {
        for target in TARGETS {
            for version in ["HTTP/1.1", "HTTP/1.0", "HTTP/1.1 HTTP/1.1"] {
                check(format!("{method} {target} {version}\r\nHost: a\r\n\r\n").as_bytes());
            }
        }
    }
}

#[test]
fn chunk_tricks() {
    for body in BODIES {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(format!("{head}{body}GET /evil HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
}

/// The corpus would prove nothing if everything were refused, or nothing.
#[test]
fn the_corpus_has_both_kinds() {
    let all = SHAPES
        .iter()
        .flat_map(|shape| VARIED.iter().map(|varied| shape.replace("{}", varied)));
    let (passed, refused): (Vec<_>, Vec<_>) =
        all.partition(|bytes| pass(bytes.as_bytes()).is_some());
    assert!(passed.len() > 40, "{} passed", passed.len());
    assert!(refused.len() > 200, "{} refused", refused.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn generated_requests(head in generate::request(), body in generate::chunked()) {
        check(&head);
        let head = head.strip_suffix(b"rest").unwrap_or(&head);
        check(&[head, &body[..]].concat());
    }
}
