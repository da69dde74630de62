//! Which coding a client asks for (RFC 9110 section 12.5.3).

use ringfence_config::ContentCoding;
use ringfence_http::syntax::{is_token, list_members, trim_ows};

/// Members of a list that are looked at; with more it asks for nothing.
const MOST_MEMBERS: usize = 64;

/// How much a client wants a coding, in thousandths; 0 = not at all.
type Quality = u16;

/// What was said of codings; the first word on each counts.
#[derive(Default)]
struct Said {
    ours: [Option<Quality>; ContentCoding::ALL.len()],
    identity: Option<Quality>,
    others: Option<Quality>,
}

/// The coding of `ours` that a client likes best by the lines of its `Accept-Encoding`, and of those that it likes equally the
/// first. Nothing where it says nothing, likes the response as it is better, or what it says cannot be read.
pub fn negotiate<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    ours: &[ContentCoding],
) -> Option<ContentCoding> {
    let mut said = Said::default();
    for (at, member) in lines.flat_map(list_members).enumerate() {
        if at == MOST_MEMBERS {
            return None;
        }
        said.take(member)?;
    }
    let least = said.identity.unwrap_or(0).max(1);
    let mut best = None;
    for coding in ours {
        let quality = said.ours[*coding as usize].or(said.others).unwrap_or(0);
        if quality >= least && best.is_none_or(|(most, _)| quality > most) {
            best = Some((quality, *coding));
        }
    }
    best.map(|(_, coding)| coding)
}

impl Said {
    /// Takes note of one member; nothing where it cannot be read.
    fn take(&mut self, member: &[u8]) -> Option<()> {
        let semicolon = member.iter().position(|byte| *byte == b';');
        let (name, quality) = match semicolon {
            None => (member, 1000),
            Some(at) => (
                trim_ows(&member[..at]),
                weight(trim_ows(&member[at + 1..]))?,
            ),
        };
        if !is_token(name) {
            return None;
        }
        let place = match coding(name) {
            Some(coding) => &mut self.ours[coding as usize],
            None if name.eq_ignore_ascii_case(b"identity") => &mut self.identity,
            None if name == b"*" => &mut self.others,
            None => return Some(()),
        };
        place.get_or_insert(quality);
        Some(())
    }
}

/// Our coding of that name; `x-gzip` is an older one (RFC 9110 section 8.4.1.3).
fn coding(name: &[u8]) -> Option<ContentCoding> {
    if name.eq_ignore_ascii_case(b"x-gzip") {
        return Some(ContentCoding::Gzip);
    }
    let mut all = ContentCoding::ALL.iter().copied();
    all.find(|coding| name.eq_ignore_ascii_case(coding.as_str().as_bytes()))
}

/// A weight (RFC 9110 section 12.4.2).
fn weight(text: &[u8]) -> Option<Quality> {
    let value = match text {
        [b'q' | b'Q', b'=', value @ ..] => value,
        _ => return None,
    };
    let (whole, digits) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', digits @ ..] => (whole, digits),
        _ => return None,
    };
    if digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let thousandths = digits.iter().zip([100, 10, 1]);
    let part: Quality = thousandths
        .map(|(digit, unit)| Quality::from(digit - b'0') * unit)
        .sum();
    match (whole, part) {
        (b'0', part) => Some(part),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContentCoding::{Brotli, Gzip, Zstd};

    fn chosen(line: &str) -> Option<ContentCoding> {
        negotiate(std::iter::once(line.as_bytes()), ContentCoding::ALL)
    }

    #[test]
    fn what_clients_send() {
        for (line, coding) in [
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip, deflate, br", Some(Brotli)),
            ("gzip;q=1.0, br;q=0.9", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("GZIP ; Q=0.001", Some(Gzip)),
            ("*", Some(Zstd)),
            ("zstd;q=0, *;q=0.5", Some(Brotli)),
            ("*;q=0, gzip", Some(Gzip)),
            ("identity;q=0, gzip;q=0.1", Some(Gzip)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=0.000, gzip", None),
            ("identity;q=0", None),
            ("deflate", None),
            ("", None),
            (" , ,gzip,", Some(Gzip)),
        ] {
            assert_eq!(chosen(line), coding, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for line in [
            "gzip, br;q=2",
            "gzip, br;q=1.001",
            "gzip, br;q=0.1234",
            "gzip, br;q=",
            "gzip, br;q=.5",
            "gzip, br;q=-1",
            "gzip, br;level=1",
            "gzip, br;q=1;q=1",
            "gzip, b r",
            "gzip, ;q=1",
            "gzip, \"br\"",
        ] {
            assert_eq!(chosen(line), None, "{line}");
        }
        let many = ["gzip"; MOST_MEMBERS + 1].join(",");
        assert_eq!(chosen(&many), None);
    }

    #[test]
    fn only_ours_and_in_our_order() {
        let lines = || [&b"zstd, br"[..], b"gzip"].into_iter();
        assert_eq!(negotiate(lines(), &[Gzip, Brotli]), Some(Gzip));
        assert_eq!(negotiate(lines(), &[Brotli]), Some(Brotli));
        assert_eq!(negotiate(lines(), &[]), None);
        assert_eq!(negotiate(std::iter::empty(), ContentCoding::ALL), None);
    }
}
