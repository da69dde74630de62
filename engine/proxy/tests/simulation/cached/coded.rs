//! Answers that are coded for their clients, as the clients read them.

use std::io::Read;

use super::book::Asked;
use crate::wire::{Body, Head};

/// What clients say that they take: the field, and the codings that it allows.
pub(crate) const TAKES: [(&str, &[&str]); 4] = [
    ("gzip", &["gzip"]),
    ("br, zstd;q=0.5", &["br", "zstd"]),
    ("zstd, identity;q=0", &["zstd"]),
    ("*;q=0.1, gzip;q=0", &["br", "zstd"]),
];

/// The body of an answer as its client reads it; nothing where it is not coded.
///
/// # Errors
/// Why nobody may be sent that, or cannot read it.
pub(crate) fn plain(asked: &Asked, head: &Head, body: &Body) -> Result<Option<Body>, String> {
    let Some(coding) = head.get("content-encoding") else {
        return Ok(None);
    };
    let taken = asked.takes.is_some_and(|at| TAKES[at].1.contains(&coding));
    if !taken || !asked.page.rules().compresses {
        return Err("what its client cannot read".to_owned());
    }
    let vary = head
        .fields()
        .iter()
        .filter(|field| field.0.eq_ignore_ascii_case("vary"));
    let names = vary.flat_map(|field| field.1.split(','));
    let mut names = names.map(str::trim);
    if !names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding")) {
        return Err("what does not say that others are sent another".to_owned());
    }
    if head.get("etag").is_some_and(|tag| !is_of_form(tag, coding)) {
        return Err("a coded form with the tag of the plain one".to_owned());
    }
    if asked.method == "HEAD" {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let coded = &body.bytes[..];
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(coded).read_to_end(&mut bytes),
        "br" => brotli::Decompressor::new(coded, 4096).read_to_end(&mut bytes),
        _ => zstd::Decoder::new(coded).and_then(|mut from| from.read_to_end(&mut bytes)),
    };
    match (read, body.cut) {
        (Err(error), None) => Err(format!("what is not {coding}: {error}")),
        (_, cut) => Ok(Some(Body { bytes, cut })),
    }
}

/// Whether an entity tag is not the one that an origin gave: those end in a digit.
fn is_of_form(tag: &str, coding: &str) -> bool {
    tag.starts_with("W/") || tag.ends_with(&format!("-{coding}\""))
}
