//! Ranges of bytes that a request asks for (RFC 9110 section 14).

use std::ops::Range;

use ringfence_http::syntax::{decimal, list_members, trim_ows};

/// Ranges that one request may ask for; one that asks for more is given the whole.
pub const MOST_RANGES: usize = 16;

/// What a request asks for of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no Range, or one that is not heeded.
    Whole,
    /// These parts, none of which is empty, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// Nothing that it has: 416.
    Nothing,
}

/// What a request with this Range asks for of a body of `len` bytes. What is no list of byte ranges is not heeded
/// (section 14.2), nor are parts that overlap: nobody needs them, and they cost more than the whole (section 14.2,
/// CVE-2011-3192).
#[must_use]
pub fn wanted(range: &[u8], len: u64) -> Wanted {
    let Some(parts) = parse(range) else {
        return Wanted::Whole;
    };
    // The last bytes of nothing can be had, and are nothing (section 14.1.2).
    let all_of_nothing = |part: &Part| len == 0 && matches!(part, Part::Last(1..));
    if parts.iter().any(all_of_nothing) {
        return Wanted::Whole;
    }
    let parts: Vec<Range<u64>> = parts.iter().filter_map(|part| part.within(len)).collect();
    if parts.is_empty() {
        return Wanted::Nothing;
    }
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| part.start);
    let overlap = sorted.windows(2).any(|pair| pair[1].start < pair[0].end);
    match overlap {
        true => Wanted::Whole,
        false => Wanted::Parts(parts),
    }
}

/// One range as it was sent.
#[derive(Clone, Copy)]
enum Part {
    /// From an offset to another, which is in it, or to the end.
    From(u64, Option<u64>),
    /// That many bytes at the end.
    Last(u64),
}

impl Part {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (&text[..dash], &text[dash + 1..]);
        if first.is_empty() {
            return Some(Self::Last(decimal(last)?));
        }
        let first = decimal(first)?;
        if last.is_empty() {
            return Some(Self::From(first, None));
        }
        let last = decimal(last)?;
        (first <= last).then_some(Self::From(first, Some(last)))
    }

    /// What there is of it in a body of `len` bytes; nothing where that is none.
    fn within(self, len: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                first..last.map_or(len, |last| last.saturating_add(1)).min(len)
            }
            Self::Last(most) => len.saturating_sub(most)..len,
        };
        (!range.is_empty()).then_some(range)
    }
}

fn parse(range: &[u8]) -> Option<Vec<Part>> {
    let at = range.iter().position(|byte| *byte == b'=')?;
    if !trim_ows(&range[..at]).eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let parts: Vec<Part> = list_members(&range[at + 1..])
        .take(MOST_RANGES + 1)
        .map(Part::parse)
        .collect::<Option<_>>()?;
    (1..=MOST_RANGES).contains(&parts.len()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(range: &str) -> Wanted {
        wanted(range.as_bytes(), 1_000)
    }

    #[test]
    fn parts_of_the_rfc() {
        // Section 14.1.2 has these of 10,000 bytes.
        for (range, want) in [
            ("bytes=0-499", 0..500),
            ("bytes=500-999", 500..1_000),
            ("bytes=-500", 500..1_000),
            ("bytes=950-", 950..1_000),
            ("bytes=0-0", 0..1),
            ("bytes=900-9999", 900..1_000),
            ("bytes=-9999", 0..1_000),
            ("Bytes= 1-2 ", 1..3),
            ("bytes=0-18446744073709551615", 0..1_000),
            ("bytes=1000-, 7-7", 7..8),
        ] {
            assert_eq!(of(range), Wanted::Parts(vec![want]), "{range}");
        }
        assert_eq!(of("bytes=0-0,-1"), Wanted::Parts(vec![0..1, 999..1_000]));
        assert_eq!(of("bytes=5-6,1-2"), Wanted::Parts(vec![5..7, 1..3]));
    }

    #[test]
    fn what_is_not_heeded() {
        let many = format!("bytes={}", ["1-1"; MOST_RANGES + 1].join(","));
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "lines=0-1",
            "bytes=2-1",
            "bytes=a-1",
            "bytes=1",
            "bytes=-",
            "bytes=--1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0-1,x",
            "bytes=0-5,5-6",
            "bytes=0-,-1",
            many.as_str(),
        ] {
            assert_eq!(of(range), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn what_is_not_there() {
        for range in ["bytes=1000-", "bytes=-0", "bytes=1000-1001,2000-"] {
            assert_eq!(of(range), Wanted::Nothing, "{range}");
        }
        assert_eq!(wanted(b"bytes=0-", 0), Wanted::Nothing);
        assert_eq!(wanted(b"bytes=-1", 0), Wanted::Whole);
    }

    /// Whether byte `at` of `len` is asked for, from the text alone.
    fn slow_asks(parts: &[(Option<u64>, Option<u64>)], at: u64, len: u64) -> bool {
        at < len
            && parts.iter().any(|part| match *part {
                (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
                (None, Some(most)) => len - at <= most,
                (None, None) => false,
            })
    }

    proptest! {
        #[test]
        fn each_byte_is_sent_exactly_if_it_was_asked_for(
            parts in proptest::collection::vec((proptest::option::of(0..30u64), proptest::option::of(0..30u64)), 1..4),
            len in 0..40u64,
        ) {
            let text = |part: &(Option<u64>, Option<u64>)| {
                let number = |end: Option<u64>| end.map_or(String::new(), |end| end.to_string());
                format!("{}-{}", number(part.0), number(part.1))
            };
            let texts: Vec<String> = parts.iter().map(text).collect();
            match wanted(format!("bytes={}", texts.join(",")).as_bytes(), len) {
                Wanted::Whole => {}
                Wanted::Nothing => prop_assert!((0..len).all(|at| !slow_asks(&parts, at, len))),
                Wanted::Parts(ranges) => {
                    for at in 0..len + 1 {
                        let times = ranges.iter().filter(|range| range.contains(&at)).count();
                        prop_assert_eq!(times, usize::from(slow_asks(&parts, at, len)));
                    }
                }
            }
        }
    }
}
