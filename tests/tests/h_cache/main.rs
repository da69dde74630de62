//! The cache: what is answered from it, what never is, and who shares what.

mod chunked;
mod gate;
mod http;
mod invalidation;
mod renewed;
mod rules;
mod shared;
mod stale;
mod streamed;

use std::sync::atomic::{AtomicUsize, Ordering};

use ringfence_tests::{Client, Origin, Request, Response, Ringfence, site_with, upstream_table};

/// What most answers here are kept with.
const KEPT: &str = "Cache-Control: max-age=600\r\n";

/// An origin that answers with what `answer` makes of a request and of how many came before it.
fn origin<F>(answer: F) -> Origin
where
    F: Fn(&Request, usize) -> String + Send + Sync + 'static,
{
    let count = AtomicUsize::new(0);
    Origin::serving("app", move |visit| {
        while let Some(request) = visit.request()? {
            let answer = answer(&request, count.fetch_add(1, Ordering::SeqCst));
            let head = answer
                .find("\r\n\r\n")
                .map_or(&*answer, |at| &answer[..at + 4]);
            visit.send(match &*request.method {
                "HEAD" => head,
                _ => &answer,
            })?;
        }
        Ok(())
    })
}

/// An origin whose answers have these field lines, and the number of the request for a body.
fn numbered(fields: &'static str) -> Origin {
    origin(move |_, number| ok(fields, &number.to_string()))
}

/// A 200 response.
fn ok(fields: &str, body: &str) -> String {
    respond(200, fields, body)
}

/// A response of any status.
fn respond(status: u16, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

/// A site with a cache and these lines in its table.
fn cached(origin: &Origin, lines: &str) -> String {
    site_with(&[origin], &format!("[route.cache]\n{lines}"), "")
}

fn start(origin: &Origin, lines: &str) -> Ringfence {
    Ringfence::start(&cached(origin, lines))
}

/// Two routes in the order of the file, each to an upstream of the same number, with these lines.
fn two_routes(origins: [&Origin; 2], lines: [&str; 2]) -> String {
    let mut config = "[[listener]]\naddress = \"127.0.0.1:0\"\n".to_string();
    for (number, lines) in lines.iter().enumerate() {
        config += &format!("\n[[route]]\nupstream = \"u{number}\"\n{lines}\n");
    }
    for (number, origin) in origins.iter().enumerate() {
        config += &upstream_table(&format!("u{number}"), &[origin], "");
    }
    config
}

/// A GET with extra field lines, on a connection of its own.
fn ask(ringfence: &Ringfence, path: &str, fields: &str) -> Response {
    ringfence.client().asks("GET", path, fields)
}

/// How the cache had a part in it.
fn how(answer: &Response) -> &str {
    answer.field("x-cache").unwrap_or("nothing")
}

#[track_caller]
fn expect(answer: &Response, served: &str, body: &str) {
    assert_eq!(
        (how(answer), &*answer.text()),
        (served, body),
        "{} {:?}",
        answer.status,
        answer.fields
    );
}

/// Asks twice for the same; the origin must have been asked as often as `times`.
#[track_caller]
fn asked(client: &mut Client, origin: &Origin, fields: [&str; 2], times: usize) -> Response {
    origin.forgets();
    client.asks("GET", "/x", fields[0]);
    let second = client.asks("GET", "/x", fields[1]);
    assert_eq!(origin.served(), times, "{fields:?} {:?}", second.fields);
    second
}
