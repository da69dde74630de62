//! What of a stored response is to be sent: all, nothing, or parts (RFC 9110 sections 13 and 14).

use super::book::{Asked, Given, bytes_of};
use crate::wire::{Body, Head};

/// Ranges that a request asks for: from and to, to the end, or the last bytes.
pub(crate) type Ranges = Vec<(Option<usize>, Option<usize>)>;

/// As a Range field has them.
pub(crate) fn spell(ranges: &Ranges) -> String {
    let number = |end: &Option<usize>| end.map_or(String::new(), |end| end.to_string());
    let texts: Vec<_> = ranges
        .iter()
        .map(|(from, to)| format!("{}-{}", number(from), number(to)))
        .collect();
    format!("bytes={}", texts.join(","))
}

/// The entity tag of a content; some are weak.
pub(crate) fn tag(content: u64) -> String {
    let weak = if content.is_multiple_of(4) { "W/" } else { "" };
    format!("{weak}\"{content}\"")
}

/// Whether an answer is what it says it is; `stored` where it was answered from what is stored.
pub(crate) fn fit(
    asked: &Asked,
    answer: &Given,
    last: &Given,
    head: &Head,
    status: u16,
    body: &Body,
    stored: bool,
) -> Result<(), String> {
    let whole = bytes_of(answer);
    let wanted = match stored {
        true => wanted(asked, answer, last),
        false => Wanted::Whole,
    };
    let is_head = asked.method == "HEAD";
    let right = |expected: u16, bytes: &[u8]| {
        let bodiless = is_head || matches!(expected, 204 | 304);
        let bytes = if bodiless { &[] } else { bytes };
        if status != expected {
            return Err(format!("{status} in place of {expected}"));
        }
        match body.cut {
            None if body.bytes == bytes => Ok(()),
            // Where its end is that of the connection, nobody can tell that a server died.
            None if !answer.has_end && bytes.starts_with(&body.bytes) => Ok(()),
            Some(_) if bytes.starts_with(&body.bytes) => Ok(()),
            _ => Err("other bytes".to_owned()),
        }
    };
    let of = format!("/{}", whole.len());
    let content_range = head.get("content-range").unwrap_or_default();
    match wanted {
        Wanted::Whole => right(answer.status, &whole),
        Wanted::Nothing => right(304, &[]),
        Wanted::Outside => {
            if content_range != format!("bytes *{of}") {
                return Err(format!("Content-Range {content_range:?}"));
            }
            right(416, &[])
        }
        Wanted::Parts(parts) if parts.len() == 1 => {
            let (from, to) = parts[0];
            if content_range != format!("bytes {from}-{}{of}", to - 1) {
                return Err(format!("Content-Range {content_range:?}"));
            }
            right(206, &whole[from..to])
        }
        Wanted::Parts(parts) => {
            let kind = head.get("content-type").unwrap_or_default();
            let boundary = kind.strip_prefix("multipart/byteranges; boundary=");
            let boundary = boundary.ok_or(format!("no boundary: {kind:?}"))?;
            right(206, &multipart(&whole, &parts, boundary))
        }
    }
}

fn multipart(whole: &[u8], parts: &[(usize, usize)], boundary: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (from, to) in parts {
        let (last, len) = (to - 1, whole.len());
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: text/noise\r\nContent-Range: bytes {from}-{last}/{len}\r\n\r\n"
        );
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&whole[*from..*to]);
    }
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

enum Wanted {
    Whole,
    Nothing,
    Outside,
    Parts(Vec<(usize, usize)>),
}

fn wanted(asked: &Asked, answer: &Given, last: &Given) -> Wanted {
    let good = (200..300).contains(&answer.status);
    let (tagged, modified) = (answer.said.tagged, answer.said.modified);
    let has_it = match (&asked.if_none_match, asked.if_modified_since) {
        (Some(tags), _) => {
            tagged && tags.contains(&format!("\"{}\"", answer.content)) || tags == "*"
        }
        (None, Some(since)) => {
            let changed = if modified { answer.changed } else { last.date };
            // Where neither is said, the time counts at which it came, which only its cache knows.
            (modified || last.said.dated) && changed <= since
        }
        (None, None) => false,
    };
    if good && has_it {
        return Wanted::Nothing;
    }
    let Some(ranges) = asked
        .range
        .as_ref()
        .filter(|_| answer.status == 200 && asked.method == "GET")
    else {
        return Wanted::Whole;
    };
    let holds = |it: &String| tagged && !it.starts_with('W') && *it == tag(answer.content);
    if !asked.if_range.as_ref().is_none_or(holds) {
        return Wanted::Whole;
    }
    let len = answer.len;
    if len == 0 && ranges.iter().any(|(from, _)| from.is_none()) {
        return Wanted::Whole;
    }
    let resolved = ranges.iter().filter_map(|range| match *range {
        (Some(from), to) => (from < len).then(|| (from, to.map_or(len, |to| (to + 1).min(len)))),
        (None, last) => {
            let last = last.unwrap_or(0).min(len);
            (last > 0).then_some((len - last, len))
        }
    });
    let resolved: Vec<_> = resolved.collect();
    let mut sorted = resolved.clone();
    sorted.sort_unstable();
    if resolved.is_empty() {
        Wanted::Outside
    } else if sorted.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        Wanted::Whole
    } else {
        Wanted::Parts(resolved)
    }
}
