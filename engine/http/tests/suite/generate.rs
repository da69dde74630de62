//! Heads that are nearly good: whole lines from a kit of good and nasty ones, then a few bytes
//! changed.

use proptest::prelude::*;
use proptest::sample::{Index, select};

const METHODS: &[&str] = &[
    "GET", "POST", "OPTIONS", "HEAD", "CONNECT", "get", "M-SEARCH", "G T", "", "G\u{e9}T",
];
const TARGETS: &[&str] = &[
    "/",
    "/a/b?c=d",
    "*",
    "http://a.b:80/c?d",
    "https://[::1]",
    "http://u@a/",
    "//a",
    "/%41%zz",
    "/%2f..",
    "a:443",
    "",
    "/a b",
    "/\u{e9}",
    "/?q=100%|{}",
    "HTTP://a?x",
    "/a#b",
    "ftp://a/",
];
const VERSIONS: &[&str] = &[
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "http/1.1",
    "HTTP/1.10",
    "",
];
const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 204 ",
    "HTTP/1.1 304",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 99 x",
    "HTTP/1.1 099 x",
    "HTTP/1.1 600 x",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 200\tOK",
    "HTTP/2 200 OK",
    "HTTP/1.1 200 \u{e9}t\u{e9}",
    "HTTP/1.1 2000",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 200 a\rb",
];
const FIELDS: &[&str] = &[
    "Host: a",
    "host:b.example:8080",
    "Host: ",
    "Host: a, b",
    "Content-Length: 5",
    "Content-Length: 0",
    "content-length: 5, 5",
    "Content-Length: +5",
    "Content-Length: 18446744073709551616",
    "Content_Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "transfer-encoding:\tCHUNKED ",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:",
    "Connection: close",
    "Connection: keep-alive, x",
    "Connection: ,Close,",
    "Expect: 100-continue",
    "Expect: 200",
    "X: \t y z \t ",
    "X:",
    " folded",
    "\tfolded",
    "no colon",
    ": empty",
    "X: a\u{0}b",
    "X: a\u{7f}b",
    "X: caf\u{e9}",
    "X: a\rb",
    "X\u{e9}: y",
    "X-Forwarded-For: 1.1.1.1",
    "x_forwarded_for: 1.1.1.1",
];
/// Fields that any number of can stand together.
const HARMLESS: &[&str] = &[
    "Accept: */*",
    "X:",
    "Cookie: \t a=b; c=d \t ",
    "Connection: close, x",
    "connection:keep-alive",
    "Expect: 100-CONTINUE",
    "X-Forwarded-For: 1.1.1.1, 2.2.2.2",
    "user_agent: caf\u{e9}",
    "Upgrade: h2c",
];
/// Line ends, the good one most of the time.
const LINE_ENDS: &[&str] = &[
    "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "",
];
const BEFORE: &[&str] = &[
    "",
    "",
    "",
    "",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\r\n\r\n\r\n\r\n\r\n",
];
const NASTY: &[u8] = b"\r\n\t :;,%/?@[]_-0aA\x00\x7f\x80\xff";

/// A request, mostly nearly good.
pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let good_host = Just("Host: a\r\n".to_owned());
    let line = (select(METHODS), select(TARGETS), select(VERSIONS));
    let line = prop_oneof![
        1 => line.prop_map(|(method, target, version)| format!("{method} {target} {version}")),
        3 => Just("GET /a?b HTTP/1.1".to_owned()),
    ];
    let before = prop_oneof![5 => Just(""), 1 => select(BEFORE)];
    let first = (before, line, line_end(), good_host)
        .prop_map(|(before, line, end, host)| format!("{before}{line}{end}{host}"));
    head(first)
}

/// A response, mostly nearly good.
pub(crate) fn response() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![1 => select(STATUS_LINES), 2 => Just("HTTP/1.1 200 OK")];
    head((line, line_end()).prop_map(|(line, end)| format!("{line}{end}")))
}

/// A chunked body, mostly nearly good.
pub(crate) fn chunked() -> impl Strategy<Value = Vec<u8>> {
    let sizes = &[
        "",
        "",
        "",
        "0",
        "000",
        "+",
        "0x",
        " ",
        "fffffffffffffff",
        "g",
    ][..];
    let extensions = &[
        "",
        "",
        "",
        "",
        ";a",
        " ; a = \"b;\\\" \r\"",
        ";a=b;c=\"d\"",
        ";",
        ";a=",
        " ",
        ";\"a\"",
    ][..];
    let chunk = (
        mostly_first(sizes),
        1usize..40,
        mostly_first(extensions),
        line_end(),
        line_end(),
    )
        .prop_map(|(prefix, len, extension, end, data_end)| {
            format!(
                "{prefix}{len:x}{extension}{end}{}{data_end}",
                "d".repeat(len)
            )
        });
    let trailers = prop::collection::vec((field(), line_end()), 0..3);
    let parts = (
        prop::collection::vec(chunk, 0..5),
        line_end(),
        trailers,
        line_end(),
    );
    let whole = parts.prop_map(|(chunks, end, trailers, last_end)| {
        let trailers: String = trailers
            .iter()
            .map(|(line, end)| format!("{line}{end}"))
            .collect();
        format!("{}0{end}{trailers}{last_end}GET", chunks.concat()).into_bytes()
    });
    spoilt(whole)
}

/// The first, which is the good one, most of the time.
fn mostly_first(all: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(all[0]), 1 => select(all)]
}

fn field() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => select(HARMLESS), 1 => select(FIELDS)]
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![30 => Just("\r\n"), 1 => select(LINE_ENDS)]
}

/// A first part, some field lines, an empty line and the start of what follows.
fn head(first: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let fields = prop::collection::vec((field(), line_end()), 0..5);
    let whole = (first, fields, line_end()).prop_map(|(first, fields, end)| {
        let fields: String = fields
            .iter()
            .map(|(line, end)| format!("{line}{end}"))
            .collect();
        format!("{first}{fields}{end}rest").into_bytes()
    });
    spoilt(whole)
}

/// With up to two bytes overwritten, inserted or removed. Characters above U+007F become single
/// bytes half of the time.
fn spoilt(whole: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), select(NASTY), 0..3u8);
    let changes = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(change, 1..3)];
    (whole, changes, any::<bool>()).prop_map(|(mut bytes, changes, latin)| {
        if latin {
            bytes.retain(|b| *b != 0xc3);
        }
        for (index, byte, kind) in changes {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}
