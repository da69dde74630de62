//! What our own origin answers.

use std::collections::HashMap;

use crate::body;

/// The bytes of all answers, made once.
#[derive(Debug)]
pub(super) struct Answers {
    named: HashMap<&'static str, &'static [u8]>,
    not_found: &'static [u8],
    /// For a request body that is not the one that the load sends.
    pub(super) wrong_upload: &'static [u8],
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            named: body::NAMED
                .iter()
                .map(|(name, size)| (*name, answer("200 OK", body::of(*size))))
                .collect(),
            not_found: answer("404 Not Found", b""),
            wrong_upload: answer(
                "400 Bad Request",
                b"the request body is not the one that was sent\n",
            ),
        }
    }

    /// The answer for a path, by its last segment.
    pub(super) fn find(&self, path: &str) -> &'static [u8] {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.named.get(name).copied().unwrap_or(self.not_found)
    }
}

/// Head and body in one piece, kept for the life of the process. The fields are those of nginx's answers.
fn answer(status: &str, body: &[u8]) -> &'static [u8] {
    let fields = "Server: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/octet-stream\r\n";
    let about = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"0-80\"\r\n";
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n{about}Accept-Ranges: bytes\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().leak()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::answer::{Answer, Progress};

    #[test]
    fn answers_are_what_the_load_expects() {
        let answers = Answers::new();
        for (path, size) in [
            ("/128", 128),
            ("/r07/64k", 64 * 1024),
            ("/1m", body::LARGEST),
        ] {
            let taken = Answer::default().take(answers.find(path), body::of(size));
            assert_eq!(taken, Ok(Progress::Whole { close: false }), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        assert!(Answers::new().find("/none").starts_with(b"HTTP/1.1 404 "));
    }
}
