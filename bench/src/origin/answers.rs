//! What our own origin answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringfence_http::date::write_http_date;

use crate::body::{self, NUMBERED, NUMBERED_SLOW, SLOW};
use crate::origin::{COUNT, MAX_AGE};

/// The bytes of answers: those that are asked for often are made once.
#[derive(Debug)]
pub(super) struct Answers {
    named: HashMap<&'static str, &'static [u8]>,
    not_found: &'static [u8],
    /// For a request body that is not the one that the load sends.
    pub(super) wrong_upload: &'static [u8],
    /// Fields that say for how long answers may be kept; empty where they do not.
    cache_control: String,
    /// Requests that have been answered, but for those that asked for this.
    reached: u64,
}

/// Head and body in one piece, and how long it takes to find it.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) after: Duration,
}

impl Answers {
    /// Answers that say for how long they may be kept, or do not.
    pub(super) fn new(cacheable: bool) -> Self {
        let cache_control = match cacheable {
            true => format!("Cache-Control: max-age={MAX_AGE}\r\n"),
            false => String::new(),
        };
        let named = body::NAMED.iter().map(|(name, size)| {
            let bytes: &[u8] = answer("200 OK", &cache_control, body::of(*size)).leak();
            (*name, bytes)
        });
        Self {
            named: named.collect(),
            not_found: answer("404 Not Found", "", b"").leak(),
            wrong_upload: answer(
                "400 Bad Request",
                "",
                b"the request body is not the one that was sent\n",
            )
            .leak(),
            cache_control,
            reached: 0,
        }
    }

    /// The answer for a path: by its last segment, and the number of the object where it has one.
    pub(super) fn find(&mut self, path: &str) -> Found {
        let at_once = |bytes| Found {
            bytes,
            after: Duration::ZERO,
        };
        if path == COUNT {
            let count = self.reached.to_string();
            return at_once(answer("200 OK", "", count.as_bytes()).into());
        }
        self.reached += 1;
        let first = path.split('/').nth(1);
        if !matches!(first, Some(NUMBERED | NUMBERED_SLOW)) {
            let name = path.rsplit('/').next().unwrap_or_default();
            let named = self.named.get(name).copied();
            return at_once(named.unwrap_or(self.not_found).into());
        }
        let after = match first {
            Some(NUMBERED_SLOW) => SLOW,
            _ => Duration::ZERO,
        };
        match body::for_path(path) {
            Some(body) => Found {
                bytes: answer("200 OK", &self.cache_control, body).into(),
                after,
            },
            None => at_once(self.not_found.into()),
        }
    }
}

/// Head and body in one piece. The fields are those of nginx's answers, and those given.
fn answer(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut date = Vec::new();
    write_http_date(now.map_or(0, |since| since.as_secs()), &mut date);
    let date = String::from_utf8_lossy(&date);
    let fields =
        format!("Server: origin\r\nDate: {date}\r\nContent-Type: application/octet-stream\r\n");
    let about = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"0-80\"\r\n";
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n{about}{more}Accept-Ranges: bytes\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::answer::{Answer, Progress};

    #[test]
    fn answers_are_what_the_load_expects() {
        let mut answers = Answers::new(false);
        for (path, size) in [
            ("/128", 128),
            ("/r07/64k", 64 * 1024),
            ("/1m", body::LARGEST),
        ] {
            let taken = Answer::default().take(&answers.find(path).bytes, body::of(size));
            assert_eq!(taken, Ok(Progress::Whole { close: false }), "{path}");
        }
    }

    #[test]
    fn objects_that_have_numbers_differ_and_slow_ones_are_slow() {
        let mut answers = Answers::new(true);
        for (path, after) in [("/object/3/4k", Duration::ZERO), ("/slow/3/4k", SLOW)] {
            let found = answers.find(path);
            let taken = Answer::default().take(&found.bytes, body::of_number(3, 4096));
            assert_eq!(taken, Ok(Progress::Whole { close: false }), "{path}");
            assert_eq!(found.after, after, "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        let found = Answers::new(false).find("/none");
        assert!(found.bytes.starts_with(b"HTTP/1.1 404 "));
    }

    #[test]
    fn what_may_be_kept_says_so() {
        for cacheable in [true, false] {
            for path in ["/128", "/object/1/128"] {
                let bytes = Answers::new(cacheable).find(path).bytes.into_owned();
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(
                    text.contains("Cache-Control: max-age="),
                    cacheable,
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn requests_are_counted_but_for_those_that_ask_for_it() {
        let mut answers = Answers::new(true);
        let _ = answers.find("/128");
        let _ = answers.find(COUNT);
        let _ = answers.find("/none");
        assert!(answers.find(COUNT).bytes.ends_with(b"\r\n\r\n2"));
    }
}
