//! Brings the crate's heads into the oracle's form, and judges one against the other.

use crate::oracle::{self, Answer, Limits, request::Request, response::Response};
use ringfence_http::{
    Fault, Fields, Framing, HeadLimits, Method, RequestHead, ResponseHead, Span, Version,
};

/// Limits that are small enough for generated heads to break.
pub(crate) const LIMITS: HeadLimits = HeadLimits {
    max_line: 120,
    max_head: 600,
    max_fields: 12,
};

fn oracle_limits() -> Limits {
    Limits {
        line: LIMITS.max_line,
        head: LIMITS.max_head,
        fields: LIMITS.max_fields,
    }
}

/// Parses a request head with fresh state.
pub(crate) fn parse_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Fault> {
    let mut head = RequestHead::new();
    let len = head.parse(bytes, &LIMITS)?;
    Ok(len.map(|len| (request_facts(&head, bytes), len)))
}

/// Parses a response head with fresh state.
pub(crate) fn parse_response(
    bytes: &[u8],
    method: Method,
) -> Result<Option<(Response, usize)>, Fault> {
    let mut head = ResponseHead::new();
    let len = head.parse(bytes, &LIMITS, method)?;
    Ok(len.map(|len| (response_facts(&head, bytes), len)))
}

/// What the oracle says of a request.
pub(crate) fn ask_request(bytes: &[u8]) -> Answer<Request> {
    oracle::request::parse(bytes, oracle_limits())
}

/// What the oracle says of a response.
pub(crate) fn ask_response(bytes: &[u8], method: Method) -> Answer<Response> {
    oracle::response::parse(bytes, oracle_limits(), method.as_str().as_bytes())
}

/// Whether the two agree: the same message, or the same refusal. Of bytes that the oracle finds
/// incomplete, ours may know already that they can't become good.
pub(crate) fn agree<T: PartialEq>(
    ours: &Result<Option<(T, usize)>, Fault>,
    theirs: &Answer<T>,
) -> bool {
    match (ours, theirs) {
        (Ok(Some((message, len))), Answer::Whole(wanted, wanted_len)) => {
            message == wanted && len == wanted_len
        }
        (Ok(None) | Err(_), Answer::Partial) | (Err(_), Answer::Refused) => true,
        _ => false,
    }
}

/// A parsed request in the oracle's form.
pub(crate) fn request_facts(head: &RequestHead, bytes: &[u8]) -> Request {
    let text = |span: Span| span.of(bytes).to_vec();
    assert_eq!(Method::of(head.method_text.of(bytes)), head.method);
    Request {
        method: text(head.method_text),
        path: text(head.path),
        query: head.query.map(text),
        authority: text(head.authority),
        minor: minor(head.version),
        fields: fields(&head.fields, bytes),
        framing: framing(head.framing),
        keep_alive: head.keep_alive,
        expect_continue: head.expect_continue,
    }
}

fn response_facts(head: &ResponseHead, bytes: &[u8]) -> Response {
    Response {
        minor: minor(head.version),
        status: head.status,
        reason: head.reason.of(bytes).to_vec(),
        fields: fields(&head.fields, bytes),
        framing: framing(head.framing),
        keep_alive: head.keep_alive,
    }
}

fn fields(fields: &Fields, bytes: &[u8]) -> Vec<oracle::Field> {
    let text = |span: Span| span.of(bytes).to_vec();
    fields
        .iter()
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}

fn minor(version: Version) -> u8 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
    }
}

fn framing(framing: Framing) -> oracle::Framing {
    match framing {
        Framing::None => oracle::Framing::None,
        Framing::Length(length) => oracle::Framing::Length(length),
        Framing::Chunked => oracle::Framing::Chunked,
        Framing::UntilClose => oracle::Framing::UntilClose,
    }
}
