//! The smuggling property: for any ambiguous bytes, either the balancer refuses, or what the origin
//! receives is, to every reader strict or lax, exactly the requests that were meant.
//!
//! Each case hides `GET /smuggled` somewhere: nowhere may it surface as a request at the origin.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringfence_tests::{Client, Origin, Ringfence, eventually, oracle, site};

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

/// What an origin might take for the requests of a stream, if it is lax in one way or another.
struct Lax {
    /// Content-Length wins over Transfer-Encoding.
    length_first: bool,
    /// A bare LF ends a line.
    bare_lf: bool,
    /// Any Transfer-Encoding that mentions chunked is chunked; else only an exact one.
    fuzzy_coding: bool,
    /// Of several lengths the last one counts, else the first.
    last_length: bool,
}

impl Lax {
    fn all() -> impl Iterator<Item = Lax> {
        (0..16).map(|bits| Lax {
            length_first: bits & 1 != 0,
            bare_lf: bits & 2 != 0,
            fuzzy_coding: bits & 4 != 0,
            last_length: bits & 8 != 0,
        })
    }

    /// The request lines that this reader sees.
    fn read(&self, mut stream: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some((head, rest)) = self.head(stream) {
            stream = rest;
            let Some(first) = head.first().filter(|line| !line.is_empty()) else {
                continue;
            };
            lines.push(first.clone());
            match self.body(&head, stream) {
                Some(rest) => stream = rest,
                None => break,
            }
        }
        lines
    }

    fn line<'s>(&self, stream: &'s [u8]) -> Option<(String, &'s [u8])> {
        let end = match self.bare_lf {
            true => stream.iter().position(|b| *b == b'\n')? + 1,
            false => stream.windows(2).position(|pair| pair == b"\r\n")? + 2,
        };
        let text = String::from_utf8_lossy(&stream[..end])
            .trim_end()
            .to_string();
        Some((text, &stream[end..]))
    }

    fn head<'s>(&self, mut stream: &'s [u8]) -> Option<(Vec<String>, &'s [u8])> {
        let mut lines = Vec::new();
        loop {
            let (text, rest) = self.line(stream)?;
            stream = rest;
            if text.is_empty() {
                return Some((lines, stream));
            }
            lines.push(text);
        }
    }

    fn body<'s>(&self, head: &[String], stream: &'s [u8]) -> Option<&'s [u8]> {
        let values = |name: &str| -> Vec<String> {
            let pairs = head.iter().filter_map(|line| line.split_once(':'));
            let same = pairs.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name));
            same.map(|(_, value)| value.trim().to_ascii_lowercase())
                .collect()
        };
        let lengths = values("content-length");
        let length = if self.last_length {
            lengths.last()
        } else {
            lengths.first()
        };
        let chunked = values("transfer-encoding")
            .iter()
            .any(|coding| match self.fuzzy_coding {
                true => coding.contains("chunked"),
                false => coding == "chunked",
            });
        match length {
            Some(length) if !chunked || self.length_first => stream.get(length.parse().ok()?..),
            _ if chunked => self.chunks(stream),
            _ => Some(stream),
        }
    }

    fn chunks<'s>(&self, mut stream: &'s [u8]) -> Option<&'s [u8]> {
        loop {
            let (size, rest) = self.line(stream)?;
            let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
            stream = rest;
            if size == 0 {
                return self.head(stream).map(|(_, rest)| rest);
            }
            stream = self.line(stream.get(size..)?)?.1;
        }
    }
}

/// Looks at everything that the origin received; says what is wrong with it.
fn verdict(origin: &Origin) -> Result<(), String> {
    for stream in origin.transcripts() {
        let told = || String::from_utf8_lossy(&stream).into_owned();
        let strict = match oracle::parse_stream(&stream) {
            Ok(requests) => requests,
            // A request that the balancer gave up half way is no request; but only the last.
            Err(_) if is_cut_short(&stream) => continue,
            Err(why) => return Err(format!("{why} in {:?}", told())),
        };
        let meant: Vec<String> = strict
            .iter()
            .map(|r| format!("{} {} HTTP/1.1", r.method, r.target))
            .collect();
        if meant.iter().any(|line| line.contains("smuggled")) {
            return Err(format!("smuggled: {:?}", told()));
        }
        for reader in Lax::all() {
            let seen = reader.read(&stream);
            if seen != meant {
                return Err(format!(
                    "one reader sees {seen:?}, another {meant:?}: {:?}",
                    told()
                ));
            }
        }
    }
    Ok(())
}

/// Whether a stream is whole requests and then the beginning of one.
fn is_cut_short(stream: &[u8]) -> bool {
    // Its last request, completed in the only way that its own framing allows, must be proper.
    let endings: [&[u8]; 4] = [b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"\r\n\r\n", b"\r\n"];
    let completed = |ending: &&[u8]| oracle::parse_stream(&[stream, ending].concat()).is_ok();
    let with_length =
        |extra: usize| oracle::parse_stream(&[stream, &vec![b'.'; extra]].concat()).is_ok();
    let in_chunk = |extra: usize| {
        oracle::parse_stream(&[stream, &vec![b'.'; extra], b"\r\n0\r\n\r\n"].concat()).is_ok()
    };
    endings.iter().any(completed) || (1..300).any(|n| with_length(n) || in_chunk(n))
}

/// Sends the bytes on a connection of their own and reads until the server has no more to say.
fn attack(ringfence: &Ringfence, bytes: &[u8]) {
    let mut client = Client::connect(ringfence.address()).patient(Duration::from_millis(300));
    let _ = client.try_says(bytes);
    client.ends_sending();
    client.hears_out();
}

fn attacks() -> Vec<String> {
    let mut all = Vec::new();
    let hidden_length = HIDDEN.len();
    // Both framings, in every order and disguise.
    for coding in [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "transfer-encoding: identity, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding:\r\n chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer\u{2d}Encoding\t: chunked",
        "Transfer_Encoding: chunked",
        "Transfer-Encoding: chunKed",
        "Transfer-Encoding: ch\u{fc}nked",
        "Transfer-Encoding:, chunked",
        "Transfer-Encoding: chunked;",
    ] {
        for length in ["Content-Length: 4\r\n", "Content-Length: 0\r\n", ""] {
            all.push(format!(
                "POST /meant HTTP/1.1\r\nHost: h\r\n{length}{coding}\r\n\r\n0\r\n\r\n{HIDDEN}"
            ));
            all.push(format!("POST /meant HTTP/1.1\r\nHost: h\r\n{coding}\r\n{length}\r\n{hidden_length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"));
        }
    }
    // Lengths that readers differ about.
    for length in [
        "Content-Length: 0\r\nContent-Length: N",
        "Content-Length: N\r\nContent-Length: 0",
        "Content-Length: 0, N",
        "Content-Length: +N",
        "Content-Length: -1",
        "Content-Length: 0xN",
        "Content-Length : N",
        "Content_Length: N",
        "Content-Length: N\0",
        "Content-Length:\r\n N",
        "Content-Length: N N",
        " Content-Length: N",
        "X: y\nContent-Length: N",
        "Content-Length: 184467440737095516N",
        "Content-Length: N.0",
        "Content-Length: Ne0",
        "Content-Length\0: N",
        "\0Content-Length: N",
    ] {
        let length = length.replace('N', &hidden_length.to_string());
        for method in ["POST", "GET"] {
            all.push(format!(
                "{method} /meant HTTP/1.1\r\nHost: h\r\n{length}\r\nX: y\r\n\r\n{HIDDEN}"
            ));
        }
    }
    // Chunk sizes and their surroundings.
    for size in [
        "0x0",
        "0;\n",
        "0 ",
        " 0",
        "-0",
        "+0",
        "00000000000000000",
        "0\r",
        "0\n",
        "\u{660}",
        "0;a=\"\r\n",
    ] {
        all.push(format!("POST /meant HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n\r\n{HIDDEN}"));
        all.push(format!("POST /meant HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n{size}\r\n\r\n{HIDDEN}"));
    }
    for tail in [
        "0\r\nX: y\n\r\n",
        "0\r\n\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
    ] {
        all.push(format!(
            "POST /meant HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{tail}{HIDDEN}"
        ));
    }
    // Targets, methods, versions and hosts with line ends in them.
    for line in [
        "GET /meant\r\nX: HTTP/1.1",
        "GET /meant%0d%0aX:y HTTP/1.1",
        "GET /meant HTTP/1.1\r\nHost: h\nX: y",
        "GET /meant\tHTTP/1.1",
        "GET /meant HTTP/1.1\rX: y",
        "GET /meant HTTP/1.1 HTTP/1.1",
        "GET http://h\r\n/meant HTTP/1.1",
        "GET /meant?a b HTTP/1.1",
        "GET\r\n/meant HTTP/1.1",
    ] {
        all.push(format!(
            "{line}\r\nHost: h\r\nContent-Length: {hidden_length}\r\n\r\n{HIDDEN}"
        ));
    }
    // A length that Connection asks to drop, and an upgrade that nobody agreed to.
    for fields in [
        "Connection: Content-Length",
        "Connection: close, content-length, host",
        "Connection: Host",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
        "Expect: 100-continue",
        "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13",
    ] {
        all.push(format!("POST /meant HTTP/1.1\r\nHost: h\r\nContent-Length: {hidden_length}\r\n{fields}\r\n\r\n{HIDDEN}"));
    }
    all
}

#[test]
fn the_corpus_smuggles_nothing() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    // One connection to the origin for all: what one client says must not leak into another's.
    let cases = attacks();
    assert!(cases.len() > 150);
    let mut wrong = Vec::new();
    for case in &cases {
        let bytes: Vec<u8> = case.chars().map(|c| c as u8).collect();
        origin.forgets();
        attack(&ringfence, &bytes);
        let surfaced = origin
            .requests()
            .iter()
            .any(|r| r.target.contains("smuggled"));
        if surfaced && !is_honest_pipeline(&bytes) {
            wrong.push(format!("surfaced: {case:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether the strictest reader, too, sees the hidden request as a request of its own.
fn is_honest_pipeline(bytes: &[u8]) -> bool {
    oracle::parse_prefix(bytes)
        .iter()
        .any(|r| r.target.contains("smuggled"))
}

#[test]
fn what_the_origin_reads_is_what_was_meant() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut wrong = Vec::new();
    for case in attacks() {
        let bytes: Vec<u8> = case.chars().map(|c| c as u8).collect();
        if is_honest_pipeline(&bytes) {
            continue;
        }
        attack(&ringfence, &bytes);
    }
    drop(ringfence);
    eventually("the origin's connections end", || {
        origin.open_connections() == 0
    });
    wrong.extend(verdict(&origin).err());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_mutation_of_a_request_smuggles() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let bases = [
        format!(
            "POST /meant HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
            HIDDEN.len()
        ),
        format!(
            "POST /meant HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{HIDDEN}\r\n0\r\n\r\n",
            HIDDEN.len()
        ),
        format!(
            "PUT /meant HTTP/1.1\r\nHost: h\r\nX-A: {}\r\nContent-Length: 3\r\nConnection: x-a\r\n\r\nabc",
            "GET /smuggled"
        ),
    ];
    let edits = proptest::collection::vec(
        (
            0usize..160,
            prop::sample::select(vec![
                "\r",
                "\n",
                "\r\n",
                "\0",
                " ",
                "\t",
                ":",
                ",",
                ";",
                "0",
                "1",
                "\u{b}",
                "chunked",
                "Content-Length: 0\r\n",
                "Transfer-Encoding: chunked\r\n",
                "Transfer-Encoding: x\r\n",
                "\r\n\r\n",
                "\u{ff}",
                "-",
                "+",
                "x",
                "\"",
            ]),
            0usize..3,
        ),
        1..4,
    );
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(0..bases.len(), edits), |(base, edits)| {
        let mut text: Vec<char> = bases[base].chars().collect();
        for (at, insert, remove) in edits {
            let at = at.min(text.len());
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let bytes: Vec<u8> = text.iter().map(|c| *c as u8).collect();
        origin.forgets();
        attack(&ringfence, &bytes);
        let surfaced = origin
            .requests()
            .iter()
            .any(|r| r.target.contains("smuggled"));
        prop_assert!(
            !surfaced || is_honest_pipeline(&bytes),
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// A response that is longer than it says must not become another client's response.
#[test]
fn what_follows_a_response_reaches_nobody() {
    use ringfence_tests::misbehave;
    let origin = Origin::serving("a", misbehave::too_long);
    let ringfence = Ringfence::start(&site(&[&origin]));
    for _ in 0..20 {
        let answer = ringfence.get("/").expect(200);
        assert_eq!(answer.text(), "good");
    }
}

/// What an origin says before it is asked may be taken for the answer, but then the connection is out
/// of step: once that shows, no other request may get the answer that was due.
#[test]
fn answers_never_shift_to_another_request() {
    use ringfence_tests::misbehave;
    let origin = Origin::serving("a", misbehave::unasked);
    let ringfence = Ringfence::start(&site(&[&origin]));
    for number in 0..30 {
        let answer = ringfence.get(&format!("/head?{number}"));
        let own = answer.text().contains(&format!("/head?{number} "));
        let unasked = answer.text() == "evil" || answer.status == 502;
        assert!(own || unasked, "{number}: {}", answer.text());
        std::thread::sleep(Duration::from_millis(30));
    }
}
