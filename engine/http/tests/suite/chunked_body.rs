//! Chunked bodies: tables, and any split of the input against the oracle.

use crate::generate;
use crate::oracle::{self, Answer};
use proptest::prelude::*;
use ringfence_http::{BodyDecoder, Framing, LAST_CHUNK, Name, Reason, chunk_header};

/// What a body comes to: the data, the bytes used up, and whether it is complete.
type Outcome = Result<(Vec<u8>, usize, bool), Reason>;

/// Decodes `bytes` cut into pieces of these sizes, again and again; each piece in an allocation of
/// its own.
fn decode_in_pieces(bytes: &[u8], sizes: &[usize], decoder: &mut BodyDecoder) -> Outcome {
    let (mut data, mut at) = (Vec::new(), 0);
    for size in sizes.iter().cycle() {
        let end = (at + size).min(bytes.len());
        let mut piece = bytes[at..end].to_vec();
        let decoded = decoder.decode(&mut piece).map_err(|fault| fault.reason)?;
        data.extend_from_slice(&piece[decoded.data]);
        at += decoded.consumed;
        assert_eq!(decoded.done, decoder.is_done());
        if decoded.done || at == bytes.len() {
            return Ok((data, at, decoded.done));
        }
        assert_eq!(at, end, "bytes left though the body goes on");
    }
    unreachable!("the sizes repeat for ever");
}

fn decode(bytes: &[u8]) -> Outcome {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    decode_in_pieces(bytes, &[usize::MAX / 2], &mut decoder)
}

#[test]
fn good_bodies() {
    let table: [(&str, &str); 8] = [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world"),
        (
            "A;a;b=c;d=\"e;\\\"\"\r\n0123456789\r\n0;x\r\n\r\n",
            "0123456789",
        ),
        ("5 ;a\t= b\r\nhello\r\n0\r\n\r\n", "hello"),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x"),
    ];
    for (bytes, want) in table {
        let whole = format!("{bytes}GET /");
        assert_eq!(
            decode(whole.as_bytes()),
            Ok((want.into(), bytes.len(), true)),
            "{bytes:?}"
        );
    }
}

#[test]
fn refusals() {
    let long = |len: usize| format!("5;{}\r\nhello\r\n", "x".repeat(len));
    let table: Vec<(String, Reason)> = [
        ("\r\n", Reason::BadChunk),
        (";a\r\n", Reason::BadChunk),
        (" 5\r\n", Reason::BadChunk),
        ("5 \r\n", Reason::BadChunk),
        ("+5\r\n", Reason::BadChunk),
        ("-5\r\n", Reason::BadChunk),
        ("0x5\r\n", Reason::BadChunk),
        ("5h\r\n", Reason::BadChunk),
        ("5\n", Reason::BadChunk),
        ("5\rx", Reason::BadChunk),
        ("5,\r\n", Reason::BadChunk),
        ("00000000000000005\r\n", Reason::BadChunk),
        ("10000000000000000\r\n", Reason::BadChunk),
        ("5\r\nhello!", Reason::BadChunk),
        ("5\r\nhello\n", Reason::BadChunk),
        ("5\r\nhello\rx", Reason::BadChunk),
        ("5;\r\n", Reason::BadChunk),
        ("5;a=\r\n", Reason::BadChunk),
        ("5;a \r\n", Reason::BadChunk),
        ("5;a=\"b\r\n", Reason::BadChunk),
        ("5;a=\"b\"c\r\n", Reason::BadChunk),
        ("5;a\0\r\n", Reason::BadChunk),
        ("5;a\n", Reason::BadChunk),
        ("0\r\nA b\r\n\r\n", Reason::BadTrailer),
        ("0\r\nA : b\r\n\r\n", Reason::BadTrailer),
        ("0\r\nA: b\n\r\n", Reason::BadTrailer),
        ("0\r\nA: b\r\n folded\r\n\r\n", Reason::BadTrailer),
        ("0\r\nA: \0\r\n\r\n", Reason::BadTrailer),
        ("0\r\n\rx", Reason::BadTrailer),
        ("0\r\n\n", Reason::BadTrailer),
    ]
    .into_iter()
    .map(|(bytes, reason)| (bytes.to_owned(), reason))
    .chain([
        (long(256), Reason::ChunkExtTooLong),
        (long(250).repeat(66), Reason::ChunkExtTooLong),
        (format!("0\r\nA: {}", "x".repeat(9000)), Reason::BadTrailer),
        (
            format!("0\r\n{}\r\n", "A: b\r\n".repeat(65)),
            Reason::BadTrailer,
        ),
    ])
    .collect();
    for (bytes, reason) in table {
        assert_eq!(decode(bytes.as_bytes()), Err(reason), "{bytes:?}");
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let bytewise = decode_in_pieces(bytes.as_bytes(), &[1], &mut decoder);
        assert_eq!(bytewise, Err(reason), "{bytes:?} byte by byte");
        assert_eq!(
            decoder.decode(&mut b"0\r\n\r\n".to_vec()),
            Err(reason.into()),
            "refuses for ever"
        );
        assert!(decoder.eof().is_err() && !decoder.is_done());
    }
}

#[test]
fn many_short_extensions_are_allowed_up_to_a_sum() {
    let bytes = "1;a\r\nx\r\n".repeat(8000) + "0\r\n\r\n";
    let (data, used, done) = decode(bytes.as_bytes()).unwrap();
    assert_eq!((data.len(), used, done), (8000, bytes.len(), true));
}

#[test]
fn data_is_compacted_into_one_range() {
    let mut input = b"3\r\nabc\r\n2\r\nde\r\n1\r\nf".to_vec();
    let len = input.len();
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let decoded = decoder.decode(&mut input).unwrap();
    assert_eq!(&input[decoded.data], b"abcdef");
    assert_eq!((decoded.consumed, decoded.done), (len, false));
    assert_eq!(decoder.known_left(), 0);
    let decoded = decoder.decode(&mut b"\r\nff\r\nx".to_vec()).unwrap();
    assert_eq!(decoded.data, 6..7);
    assert_eq!(decoder.known_left(), 254);
}

#[test]
fn trailers_with_a_meaning_before_the_body_are_dropped() {
    let bytes = "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: a\r\nAuthorization: b\r\nETag: \"e\"\r\nSet-Cookie: c\r\n\
                 Transfer-Encoding: chunked\r\nTrailer: x\r\nX-Forwarded-For: d\r\nServer-Timing: t\r\n\
                 Content_Length: 5\r\nx_request-id: e\r\nIf_Match: f\r\n\r\n";
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    assert!(decoder.trailers().is_none(), "not before the end");
    decode_in_pieces(bytes.as_bytes(), &[7], &mut decoder).unwrap();
    let trailers = decoder.trailers().unwrap();
    let texts: Vec<_> = trailers
        .fields
        .iter()
        .map(|f| {
            (
                f.id,
                f.name.of(&trailers.bytes),
                f.value.of(&trailers.bytes),
            )
        })
        .collect();
    let want: [(Name, &[u8], &[u8]); 3] = [
        (Name::Other, b"X-Sum", b"1"),
        (Name::ETag, b"ETag", b"\"e\""),
        (Name::ServerTiming, b"Server-Timing", b"t"),
    ];
    assert_eq!(texts, want);
    assert!(decoder.trailers().is_none(), "once only");
}

#[test]
fn other_framings() {
    let input = || b"hello".to_vec();
    let table = [
        (Framing::None, 0..0, true),
        (Framing::Length(0), 0..0, true),
        (Framing::Length(3), 0..3, true),
        (Framing::Length(9), 0..5, false),
        (Framing::Length(u64::MAX), 0..5, false),
        (Framing::UntilClose, 0..5, false),
    ];
    for (framing, data, done) in table {
        let mut decoder = BodyDecoder::new(framing);
        let decoded = decoder.decode(&mut input()).unwrap();
        assert_eq!(decoded.consumed, data.end, "{framing:?}");
        assert_eq!((decoded.data, decoded.done), (data, done), "{framing:?}");
        let complete = done || framing == Framing::UntilClose;
        assert_eq!(decoder.eof().is_ok(), complete, "{framing:?}");
        assert_eq!(decoder.is_done(), complete, "{framing:?}");
    }
}

#[test]
fn an_early_end_is_a_fault() {
    for bytes in [
        "",
        "5",
        "5\r\nhel",
        "5\r\nhello\r\n",
        "0\r\n",
        "0\r\nA: b\r\n",
    ] {
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        decode_in_pieces(bytes.as_bytes(), &[100], &mut decoder).unwrap();
        assert_eq!(decoder.eof(), Err(Reason::BodyTooShort.into()), "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_split_reads_as_the_oracle_reads_the_whole(
        bytes in generate::chunked(),
        sizes in prop::collection::vec(1usize..40, 1..8),
    ) {
        let whole = decode(&bytes);
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let pieces = decode_in_pieces(&bytes, &sizes, &mut decoder);
        prop_assert_eq!(&whole, &pieces);
        let shown = bytes.escape_ascii();
        match (oracle::chunked::parse(&bytes), whole) {
            (Answer::Whole(body, len), Ok((data, used, true))) => {
                prop_assert_eq!((body.data, len), (data, used), "{}", shown);
            }
            (Answer::Partial, Ok((_, _, false)) | Err(_)) | (Answer::Refused, Err(_)) => {}
            (theirs, ours) => prop_assert!(false, "{shown}\n{theirs:?}\n{ours:?}"),
        }
    }

    #[test]
    fn written_chunks_read_back_the_same(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
        sizes in prop::collection::vec(1usize..400, 1..5),
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            chunk_header(&mut bytes, chunk.len());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(ringfence_http::CHUNK_END);
        }
        bytes.extend_from_slice(LAST_CHUNK);
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let read = decode_in_pieces(&bytes, &sizes, &mut decoder);
        prop_assert_eq!(read, Ok((chunks.concat(), bytes.len(), true)));
    }
}
