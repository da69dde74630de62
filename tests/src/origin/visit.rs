//! One connection at a scripted origin: reads requests, keeps the record, sends whatever the
//! script likes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::request::{Request, split_field};
use crate::wire::{Socket, Wire};

/// How long an origin waits for a request on an open connection.
const IDLE: Duration = Duration::from_secs(60);

/// One connection, in the hands of a script.
#[derive(Debug)]
pub struct Visit {
    wire: Wire,
    name: String,
    number: usize,
    has_spoken: bool,
    ledger: Arc<Ledger>,
}

impl Visit {
    pub(super) fn new(
        socket: Arc<Socket>,
        name: &str,
        number: usize,
        ledger: Arc<Ledger>,
    ) -> Visit {
        Visit {
            wire: Wire::new(socket),
            name: name.into(),
            number,
            has_spoken: false,
            ledger,
        }
    }

    /// The origin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which connection of this origin it is, counted from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Reads one request whole and records it. `None` when the peer has ended the connection.
    pub fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(mut request) = self.head()? else {
            return Ok(None);
        };
        if request.has("expect", "100-continue") {
            self.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        self.body(&mut request)?;
        Ok(Some(request))
    }

    /// Reads only the head of a request and records it.
    pub fn head(&mut self) -> io::Result<Option<Request>> {
        let until = Instant::now() + IDLE;
        if self.wire.pending().is_empty() && self.wire.fill(until)? == 0 {
            return Ok(None);
        }
        if !std::mem::replace(&mut self.has_spoken, true) {
            self.ledger.connections.fetch_add(1, Ordering::Relaxed);
        }
        let head = self.wire.take_through(b"\r\n\r\n", until)?;
        let request = Request::parse(&head, self.number);
        self.ledger.served.fetch_add(1, Ordering::Relaxed);
        if !self.ledger.forgetful.load(Ordering::Relaxed) {
            self.ledger
                .requests
                .lock()
                .expect("requests")
                .push(request.clone());
        }
        Ok(Some(request))
    }

    /// Reads the content that belongs to `request` and completes the record of it.
    pub fn body(&mut self, request: &mut Request) -> io::Result<()> {
        let until = Instant::now() + IDLE;
        if request.has("transfer-encoding", "chunked") {
            self.chunked(request, until)?;
        } else if let Some(length) = request.field("content-length") {
            let length = length.parse().map_err(|_| io::Error::other("length"))?;
            request.body = self.wire.take(length, until)?;
        }
        let mut all = self.ledger.requests.lock().expect("requests");
        let mine = all.iter_mut().rev().find(|r| r.connection == self.number);
        if let Some(mine) = mine {
            *mine = request.clone();
        }
        Ok(())
    }

    fn chunked(&mut self, request: &mut Request, until: Instant) -> io::Result<()> {
        loop {
            let line = self.wire.take_through(b"\r\n", until)?;
            let line = String::from_utf8_lossy(&line);
            let digits = line.trim_end().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(digits, 16).map_err(|_| io::Error::other("size"))?;
            if size == 0 {
                break;
            }
            request.body.extend(self.wire.take(size, until)?);
            self.wire.take(2, until)?;
        }
        loop {
            let line = self.wire.take_through(b"\r\n", until)?;
            let line = String::from_utf8_lossy(&line).trim_end().to_string();
            if line.is_empty() {
                return Ok(());
            }
            request.trailers.extend(split_field(&line));
        }
    }

    /// Throws away the raw bytes that came, waiting for some; 0 when the peer has ended the connection.
    pub fn swallow(&mut self) -> io::Result<usize> {
        if self.wire.pending().is_empty() {
            self.wire.fill(Instant::now() + IDLE)?;
        }
        Ok(self.wire.take_pending().len())
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(bytes.as_ref())
    }

    /// Sends a plain 200 response with this origin's name in `x-origin`.
    pub fn answer(&mut self, body: &str) -> io::Result<()> {
        let (length, name) = (body.len(), self.name.clone());
        self.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-Origin: {name}\r\n\r\n{body}"
        ))
    }

    /// Lets time pass.
    pub fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Holds the connection open, reading nothing, until `time` has passed.
    pub fn hold(&self, time: Duration) -> io::Result<()> {
        std::thread::sleep(time);
        Ok(())
    }

    /// Makes the close at the end of the script a reset.
    pub fn resets(&mut self) -> io::Result<()> {
        self.wire.socket().close_by_reset();
        Ok(())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let transcript = std::mem::take(&mut self.wire.transcript);
        if !self.ledger.forgetful.load(Ordering::Relaxed) {
            self.ledger
                .transcripts
                .lock()
                .expect("transcripts")
                .push(transcript);
        }
        self.ledger.open.fetch_sub(1, Ordering::Relaxed);
    }
}
