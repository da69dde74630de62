//! Held against what is slow and obvious: negotiation against a model that weighs every coding by itself, and encoders against
//! decoders.

use std::io::Read;

use proptest::prelude::*;
use ringfence_coding::{ContentCoding, Effort, Encoder, negotiate};

const NAMES: [&str; 8] = [
    "gzip", "x-gzip", "br", "zstd", "identity", "*", "deflate", "GZIP",
];
const WEIGHTS: [(&str, u16); 8] = [
    ("", 1000),
    (";q=1", 1000),
    ("; q=1.000", 1000),
    (";q=0.5", 500),
    (" ; Q=0.501", 501),
    (";q=0.001", 1),
    (";q=0", 0),
    (";q=0.0", 0),
];

/// What the first member that means a name says of it.
fn said(members: &[(usize, usize)], name: &str) -> Option<u16> {
    let means = |other: &str| other == name || name == "gzip" && matches!(other, "x-gzip" | "GZIP");
    let first = members.iter().find(|(at, _)| means(NAMES[*at]));
    first.map(|(_, weight)| WEIGHTS[*weight].1)
}

fn model(members: &[(usize, usize)], ours: &[ContentCoding]) -> Option<ContentCoding> {
    let of = |coding: &ContentCoding| {
        said(members, coding.as_str())
            .or(said(members, "*"))
            .unwrap_or(0)
    };
    let most = ours.iter().map(of).max().filter(|most| *most > 0)?;
    let best = ours.iter().find(|coding| of(coding) == most)?;
    (most >= said(members, "identity").unwrap_or(0)).then_some(*best)
}

fn decode(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        ContentCoding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        ContentCoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).unwrap();
            decoder.window_log_max(18).unwrap();
            decoder.read_to_end(&mut out)
        }
    }
    .expect("what was encoded can be decoded");
    out
}

/// As much as can be decoded of a stream that has not ended.
fn decode_begun(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // It ends in an error, once all that is there has come out.
    let _ = match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        ContentCoding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        ContentCoding::Zstd => zstd::stream::read::Decoder::new(bytes)
            .unwrap()
            .read_to_end(&mut out),
    };
    out
}

fn piece() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let word = prop::sample::select(vec!["a", "quest", "\u{0}\u{ff}", "the ", "\n"]);
    let text = prop::collection::vec(word, 0..3000).prop_map(|words| words.concat().into_bytes());
    let noise = prop::collection::vec(any::<u8>(), 0..5000);
    (prop_oneof![text, noise], any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn negotiation_is_that_of_the_model(
        members in prop::collection::vec((0..NAMES.len(), 0..WEIGHTS.len()), 0..6),
        split in 0..6usize,
        ours in prop::sample::subsequence(ContentCoding::ALL.to_vec(), 0..=3).prop_shuffle(),
    ) {
        let texts: Vec<String> = members
            .iter()
            .map(|(name, weight)| format!("{}{}", NAMES[*name], WEIGHTS[*weight].0))
            .collect();
        let (one, two) = texts.split_at(split.min(texts.len()));
        let lines = [one.join(", "), two.join(",")];
        let chosen = negotiate(lines.iter().map(String::as_bytes), &ours);
        prop_assert_eq!(chosen, model(&members, &ours), "{:?} of {:?}", lines, ours);
    }

    #[test]
    fn no_field_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        negotiate(std::iter::once(&line[..]), ContentCoding::ALL);
    }

    #[test]
    fn what_is_coded_is_decoded(
        pieces in prop::collection::vec(piece(), 0..6),
        coding in prop::sample::select(ContentCoding::ALL.to_vec()),
        kept in any::<bool>(),
        sized in any::<bool>(),
    ) {
        let all: Vec<u8> = pieces.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let effort = if kept { Effort::Kept } else { Effort::Live };
        let length = sized.then_some(all.len() as u64);
        let mut encoder = Encoder::new(coding, effort, length).unwrap();
        let (mut out, mut pushed) = (Vec::new(), 0);
        for (bytes, flush) in &pieces {
            encoder.push(bytes, &mut out).unwrap();
            pushed += bytes.len();
            if *flush {
                encoder.flush(&mut out).unwrap();
                prop_assert_eq!(&decode_begun(coding, &out)[..], &all[..pushed], "flushed");
            }
        }
        encoder.finish(&mut out).unwrap();
        prop_assert_eq!(decode(coding, &out), all);
    }
}

#[test]
fn long_responses_need_no_larger_window() {
    let text: Vec<u8> = (0..500_000u32)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .collect();
    for coding in ContentCoding::ALL {
        for effort in [Effort::Live, Effort::Kept] {
            let mut encoder = Encoder::new(*coding, effort, None).unwrap();
            let mut out = Vec::new();
            for slice in text.chunks(ringfence_coding::SLICE) {
                encoder.push(slice, &mut out).unwrap();
            }
            encoder.finish(&mut out).unwrap();
            // Zstandard's decoder is told that it gets no larger window.
            assert!(decode(*coding, &out) == text, "{coding}");
        }
    }
}

#[test]
fn the_same_is_coded_alike() {
    let text = "one two three ".repeat(5000);
    for coding in ContentCoding::ALL {
        let code = || {
            let mut encoder = Encoder::new(*coding, Effort::Kept, Some(text.len() as u64)).unwrap();
            let mut out = Vec::new();
            encoder.push(text.as_bytes(), &mut out).unwrap();
            encoder.finish(&mut out).unwrap();
            out
        };
        let coded = code();
        assert_eq!(coded, code(), "{coding}");
        assert!(coded.len() < text.len() / 20, "{coding}: {}", coded.len());
    }
}
