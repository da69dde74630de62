//! One exchange, as the access log sees it.

use ringfence_http::{Reason, Version};
use std::{net::IpAddr, time::Duration};

/// The longest text kept of any one part; a longer one is cut.
const MAX_PART: usize = 8 * 1024;

/// What is known about one finished exchange. Its texts share one buffer, so that filling a record allocates once.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the request's first byte was there, since 1970-01-01 UTC.
    pub time: Duration,
    /// The client's address: the peer, or what trusted proxies say; none for a Unix socket.
    pub client: Option<IpAddr>,
    /// The request's version.
    pub version: Version,
    /// The final status sent, or the one that would have been (499 when the client had gone).
    pub status: u16,
    /// Body bytes received from the client.
    pub bytes_in: u64,
    /// Body bytes sent to the client.
    pub bytes_out: u64,
    /// From the request's first byte to the end of the response.
    pub duration: Duration,
    /// How long each station took.
    pub stations: Stations,
    /// How often the request was sent again.
    pub retries: u32,
    /// Why we refused the request or gave it up; none if all went well.
    pub reason: Option<Reason>,
    text: Vec<u8>,
    parts: [(u32, u32); Part::COUNT],
}

/// How long an exchange spent at the stations that can take long; none where it never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stations {
    /// From the request's first byte to the end of its head.
    pub head: Option<Duration>,
    /// Waiting for a server to have room.
    pub queue: Option<Duration>,
    /// Connecting to the server.
    pub connect: Option<Duration>,
    /// From the request sent to the response's first byte.
    pub first_byte: Option<Duration>,
    /// From the response's first byte to its last.
    pub relay: Option<Duration>,
}

/// A text of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request's id.
    RequestId,
    /// The method as sent.
    Method,
    /// The request target as sent.
    Target,
    /// The effective host.
    Host,
    /// The route's name.
    Route,
    /// The upstream's name.
    Upstream,
    /// The server's label.
    Server,
    /// The `User-Agent` field.
    UserAgent,
    /// The `Referer` field.
    Referer,
}

impl Part {
    const COUNT: usize = Part::Referer as usize + 1;
}

impl Record {
    /// An empty record with room for `text_bytes` of texts.
    #[must_use]
    pub fn new(time: Duration, text_bytes: usize) -> Self {
        Self {
            time,
            client: None,
            version: Version::Http11,
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            stations: Stations::default(),
            retries: 0,
            reason: None,
            text: Vec::with_capacity(text_bytes),
            parts: [(0, 0); Part::COUNT],
        }
    }

    /// Notes a text; one longer than 8 KiB is cut. Setting a part twice keeps the last.
    pub fn set(&mut self, part: Part, text: &[u8]) {
        let text = &text[..text.len().min(MAX_PART)];
        let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(text.len()))
        else {
            return;
        };
        self.text.extend_from_slice(text);
        self.parts[part as usize] = (start, len);
    }

    /// A text; empty if it was never set.
    #[must_use]
    pub fn get(&self, part: Part) -> &[u8] {
        let (start, len) = self.parts[part as usize];
        &self.text[start as usize..(start + len) as usize]
    }
}

impl Stations {
    /// The stations that the exchange was at, with their names, in order.
    pub(crate) fn walked(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("head", self.head),
            ("queue", self.queue),
            ("connect", self.connect),
            ("first_byte", self.first_byte),
            ("relay", self.relay),
        ]
        .into_iter()
        .filter_map(|(name, took)| took.map(|took| (name, took)))
    }
}

/// Milliseconds with three decimals.
pub(crate) fn millis(duration: Duration) -> impl std::fmt::Display {
    struct Millis(Duration);
    impl std::fmt::Display for Millis {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let us = self.0.as_micros();
            write!(f, "{}.{:03}", us / 1_000, us % 1_000)
        }
    }
    Millis(duration)
}

/// The version as it is written on the wire.
pub(crate) fn version_text(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart_and_cut() {
        let mut record = Record::new(Duration::ZERO, 64);
        record.set(Part::Method, b"GET");
        record.set(Part::Target, &[b'a'; MAX_PART + 1]);
        record.set(Part::Host, b"");
        record.set(Part::Method, b"POST");
        assert_eq!(record.get(Part::Method), b"POST");
        assert_eq!(record.get(Part::Target).len(), MAX_PART);
        assert_eq!(record.get(Part::Host), b"");
        assert_eq!(record.get(Part::Referer), b"");
    }

    #[test]
    fn durations_are_shown_in_milliseconds() {
        assert_eq!(millis(Duration::from_nanos(1_234_567)).to_string(), "1.234");
        assert_eq!(millis(Duration::from_secs(61)).to_string(), "61000.000");
    }
}
