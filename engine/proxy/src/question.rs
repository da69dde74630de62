//! A request that nobody has made: of its method, its URL and some fields.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use ringfence_cache::{split_url, without_scheme};
use ringfence_telemetry::Fetched;
use ringfence_telemetry::explain::Explanation;

/// What every worker is asked of a request.
pub struct Question {
    /// The request's head.
    pub(crate) head: Arc<[u8]>,
    /// Where it would come from.
    pub(crate) peer: IpAddr,
    /// Whoever asks, who is told the worker's index too.
    pub(crate) answer: Sender<(usize, Explanation)>,
}

/// A request that a worker is to make for its cache alone.
pub struct Errand {
    /// The request's head.
    pub(crate) head: Arc<[u8]>,
    /// Told what became of it.
    pub(crate) done: Box<dyn FnOnce(Fetched) + Send>,
}

/// The head of a request for a URL, with these field lines. Its Host is the URL's, unless they have one.
pub(crate) fn head(method: &str, url: &str, fields: &[String]) -> Vec<u8> {
    let url = url.split('#').next().unwrap_or_default().as_bytes();
    let (host, path, query) = split_url(without_scheme(url));
    let mut out = [method.as_bytes(), b" ", path].concat();
    if path.is_empty() {
        out.push(b'/');
    }
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let names_host = |line: &String| {
        let name = line.split(':').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("host")
    };
    if !fields.iter().any(names_host) {
        out.extend_from_slice(b"Host: ");
        out.extend_from_slice(host);
        out.extend_from_slice(b"\r\n");
    }
    for line in fields {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(url: &str, fields: &[&str]) -> String {
        let fields: Vec<_> = fields.iter().map(|line| (*line).to_owned()).collect();
        String::from_utf8(head("GET", url, &fields)).expect("text in, text out")
    }

    #[test]
    fn a_head_says_what_a_client_would() {
        for (url, fields, want) in [
            (
                "http://a:1/x?y#z",
                &[][..],
                "GET /x?y HTTP/1.1\r\nHost: a:1\r\n\r\n",
            ),
            ("https://a", &[][..], "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (
                "http://a?x",
                &["X: 1"][..],
                "GET /?x HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n",
            ),
            (
                "http://a/",
                &["host: b"][..],
                "GET / HTTP/1.1\r\nhost: b\r\n\r\n",
            ),
        ] {
            assert_eq!(text(url, fields), want, "{url}");
        }
    }
}
