//! Compression: what clients are sent, in which form, and what that changes.

mod passed;
mod stored;

use std::io::Read;

use ringfence_tests::{Origin, Request, Response, Ringfence, site_with};

/// A long text with this at its start.
fn text(start: &str) -> String {
    format!("{start} {}", "All the world's a stage. ".repeat(400))
}

/// A 200 response with these field lines.
fn ok(fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 X\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

/// An origin that answers with what `answer` makes of a request.
fn origin<F>(answer: F) -> Origin
where
    F: Fn(&Request) -> String + Send + Sync + 'static,
{
    Origin::serving("app", move |visit| {
        while let Some(request) = visit.request()? {
            let answer = answer(&request);
            let head = answer.find("\r\n\r\n").map_or(0, |at| at + 4);
            visit.send(match &*request.method {
                "HEAD" => &answer[..head],
                _ => &answer,
            })?;
        }
        Ok(())
    })
}

/// An origin whose responses have these field lines and a long text.
fn texts(fields: &'static str) -> Origin {
    origin(move |_| ok(fields, &text("X")))
}

/// A site that compresses, with these lines in its route.
fn start(origin: &Origin, lines: &str) -> Ringfence {
    Ringfence::start(&site_with(&[origin], lines, ""))
}

/// A GET of `/x` by a client that takes `codings`, on a connection of its own.
fn ask(ringfence: &Ringfence, codings: &str, fields: &str) -> Response {
    let fields = format!("Accept-Encoding: {codings}\r\n{fields}");
    ringfence.client().asks("GET", "/x", &fields)
}

/// What the body was before it was coded, as its Content-Encoding says.
#[track_caller]
fn decoded(answer: &Response) -> String {
    let mut text = String::new();
    let body = &answer.body[..];
    let read = match answer.field("content-encoding") {
        Some("gzip") => flate2::read::GzDecoder::new(body).read_to_string(&mut text),
        Some("br") => brotli::Decompressor::new(body, 4096).read_to_string(&mut text),
        Some("zstd") => {
            zstd::Decoder::new(body).and_then(|mut from| from.read_to_string(&mut text))
        }
        Some(other) => panic!("coded with {other}"),
        None => return answer.text(),
    };
    read.unwrap_or_else(|error| panic!("{error} in {:?}", answer.fields));
    text
}

/// As it is, though others may get it coded.
#[track_caller]
fn is_plain(answer: &Response, body: &str) {
    assert_eq!(
        answer.field("content-encoding"),
        None,
        "{:?}",
        answer.fields
    );
    assert_eq!(answer.text(), body);
}
