//! A proxy in small: what would reach an origin, and whether it reads there as what was routed.

use crate::compare::{LIMITS, request_facts};
use crate::oracle::{self, Answer, Framing, Limits, request::Request};
use ringfence_http::path::{Normal, normalise};
use ringfence_http::{
    BodyDecoder, FieldCopier, HeadWriter, LAST_CHUNK, Name, RequestHead, chunk_header,
};

const ROOMY: Limits = Limits {
    line: 10_000,
    head: 10_000,
    fields: 1_000,
};

/// One request from the front of a connection.
pub(crate) struct Passed {
    facts: Request,
    path: Vec<u8>,
    body: Vec<u8>,
    /// What the origin receives.
    forwarded: Vec<u8>,
}

/// What a proxy does with the bytes of a client; `None` if it refuses or waits for more.
pub(crate) fn pass(bytes: &[u8]) -> Option<Passed> {
    let mut head = RequestHead::new();
    let len = head.parse(bytes, &LIMITS).ok()??;
    let mut scratch = Vec::new();
    let path = match normalise(head.path_bytes(bytes), &mut scratch, true).ok()? {
        Normal::Same => head.path_bytes(bytes).to_vec(),
        Normal::Changed => scratch,
    };
    let mut rest = bytes[len..].to_vec();
    let mut decoder = BodyDecoder::new(head.framing);
    let decoded = decoder.decode(&mut rest).ok()?;
    if !decoded.done {
        return None;
    }
    let body = rest[decoded.data].to_vec();
    let mut forwarded = Vec::new();
    write_head(&head, bytes, &path, &mut forwarded);
    write_body(head.framing, &body, &mut forwarded);
    Some(Passed {
        facts: request_facts(&head, bytes),
        path,
        body,
        forwarded,
    })
}

fn write_head(head: &RequestHead, bytes: &[u8], path: &[u8], out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    let query = head.query.map(|query| query.of(bytes));
    writer.request_line(head.method_text.of(bytes), path, query);
    let host = head.authority.of(bytes);
    writer.field(b"Host", if host.is_empty() { b"default" } else { host });
    let mut copier = FieldCopier::new(&mut writer, bytes);
    for field in &head.fields {
        let dropped = field.id.is_hop_by_hop()
            || matches!(field.id, Name::Host | Name::ContentLength)
            // An expectation that HTTP/1.0 has us ignore would come alive in the HTTP/1.1 that we
            // speak.
            || (field.id == Name::Expect && !head.expect_continue)
            || head.is_connection_named(bytes, field);
        if !dropped {
            copier.copy(field);
        }
    }
    copier.finish();
    match head.framing {
        ringfence_http::Framing::Length(length) => writer.content_length(length),
        ringfence_http::Framing::Chunked => writer.chunked(),
        _ => {}
    }
    writer.end();
}

fn write_body(framing: ringfence_http::Framing, body: &[u8], out: &mut Vec<u8>) {
    if framing != ringfence_http::Framing::Chunked {
        out.extend_from_slice(body);
        return;
    }
    if !body.is_empty() {
        chunk_header(out, body.len());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(LAST_CHUNK);
}

/// Fails unless the oracle, in the origin's place, reads just what was routed.
pub(crate) fn check(bytes: &[u8]) {
    let Some(passed) = pass(bytes) else {
        return;
    };
    let shown = bytes.escape_ascii();
    let Answer::Whole(seen, len) = oracle::request::parse(&passed.forwarded, ROOMY) else {
        panic!("the origin refuses what we made of {shown}");
    };
    assert_eq!(seen.method, passed.facts.method, "{shown}");
    assert_eq!(seen.path, passed.path, "{shown}");
    assert_eq!(seen.query, passed.facts.query, "{shown}");
    assert_eq!(seen.framing, passed.facts.framing, "{shown}");
    if !passed.facts.authority.is_empty() {
        assert_eq!(seen.authority, passed.facts.authority, "{shown}");
    }
    let rest = &passed.forwarded[len..];
    let (body, used) = match seen.framing {
        Framing::Chunked => match oracle::chunked::parse(rest) {
            Answer::Whole(chunked, used) => (chunked.data, used),
            other => panic!("{shown}: {other:?}"),
        },
        Framing::Length(length) => (rest[..length as usize].to_vec(), length as usize),
        _ => (Vec::new(), 0),
    };
    assert_eq!(body, passed.body, "{shown}");
    assert_eq!(used, rest.len(), "{shown}: bytes left over at the origin");
}
