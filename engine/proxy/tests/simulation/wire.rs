//! HTTP/1 as the test reads and writes it: slow, obvious, and not by the product's own parser.

use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::Dice;
use ringfence_io::{Outgoing, Scratch, Stream, now, sleep};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(900);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// In order.
    Closed,
    /// By a reset.
    Reset,
    /// Not at all, for too long.
    Late,
}

/// A head.
#[derive(Debug)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) line: String,
    fields: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

/// What came of a body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// How its connection ended before it was complete.
    pub(crate) cut: Option<Ended>,
}

/// One end of a connection.
pub(crate) struct Wire {
    stream: Rc<Stream>,
    held: Vec<u8>,
    ended: Option<Ended>,
    /// Rests before each receive so long at most, in microseconds.
    pub(crate) slowness: u64,
    dice: Dice,
}

impl Head {
    /// Its fields, in order.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The value of a field; nothing where it is not there exactly once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// As [`Self::get`], as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Whether the connection ends after this message.
    pub(crate) fn says_close(&self) -> bool {
        self.get("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// How the body of a request ends.
    pub(crate) fn of_request(&self) -> Framing {
        match (self.get("transfer-encoding"), self.number("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length as usize),
            (None, None) => Framing::None,
        }
    }

    /// How the body of a response ends that is not for a HEAD.
    pub(crate) fn of_response(&self, status: u16) -> Framing {
        match self.of_request() {
            _ if status < 200 || status == 204 || status == 304 => Framing::None,
            Framing::None => Framing::UntilClose,
            framing => framing,
        }
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let mut lines = text.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').ok_or(format!("no field: {line:?}"))?;
            Ok((name.to_owned(), value.trim().to_owned()))
        };
        let fields = lines.map(field).collect::<Result<_, String>>()?;
        Ok(Self { line, fields })
    }
}

impl Wire {
    pub(crate) fn new(stream: Rc<Stream>, dice: Dice) -> Self {
        Self {
            stream,
            held: Vec::new(),
            ended: None,
            slowness: 0,
            dice,
        }
    }

    pub(crate) fn stream(&self) -> &Rc<Stream> {
        &self.stream
    }

    /// The next head; nothing where the connection ends before it is whole.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) async fn head(&mut self) -> Result<Option<Head>, String> {
        loop {
            if let Some(at) = find(&self.held, b"\r\n\r\n") {
                let text: Vec<u8> = self.held.drain(..at + 4).collect();
                let head = Head::parse(&text);
                let shown = text.escape_ascii();
                return head.map(Some).map_err(|why| format!("{why} in {shown}"));
            }
            if self.more().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Bytes that came and were not asked for.
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// How the connection ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The body that follows a head.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) async fn body(&mut self, framing: Framing) -> Result<Body, String> {
        let mut bytes = Vec::new();
        let cut = match framing {
            Framing::None => None,
            Framing::Length(length) => self.take(length, &mut bytes).await.err(),
            Framing::Chunked => self.chunks(&mut bytes).await?.err(),
            Framing::UntilClose => {
                while self.more().await.is_ok() {}
                bytes.append(&mut self.held);
                self.ended.filter(|ended| *ended != Ended::Closed)
            }
        };
        Ok(Body { bytes, cut })
    }

    async fn chunks(&mut self, bytes: &mut Vec<u8>) -> Result<Result<(), Ended>, String> {
        loop {
            let line = match self.line().await {
                Ok(line) => line,
                Err(ended) => return Ok(Err(ended)),
            };
            let size =
                usize::from_str_radix(&line, 16).map_err(|_| format!("no size: {line:?}"))?;
            if let Err(ended) = self.take(size, bytes).await {
                return Ok(Err(ended));
            }
            match self.line().await {
                Ok(line) if line.is_empty() => {}
                Ok(line) => return Err(format!("no end of a chunk: {line:?}")),
                Err(ended) => return Ok(Err(ended)),
            }
            if size == 0 {
                return Ok(Ok(()));
            }
        }
    }

    async fn line(&mut self) -> Result<String, Ended> {
        loop {
            if let Some(at) = find(&self.held, b"\r\n") {
                let line: Vec<u8> = self.held.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, mut n: usize, into: &mut Vec<u8>) -> Result<(), Ended> {
        loop {
            let there = n.min(self.held.len());
            into.extend(self.held.drain(..there));
            n -= there;
            if n == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Receives more.
    pub(crate) async fn more(&mut self) -> Result<(), Ended> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        if self.slowness > 0 {
            sleep(Duration::from_micros(self.dice.below(self.slowness))).await;
        }
        self.stream.set_recv_deadline(Some(now() + PATIENCE));
        let ended = match self.stream.recv().await {
            Ok(lease) if lease.is_empty() => Ended::Closed,
            Ok(lease) => {
                self.held.extend_from_slice(&lease);
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Ended::Late,
            Err(_) => Ended::Reset,
        };
        self.ended = Some(ended);
        Err(ended)
    }
}

/// Sends bytes, in one piece or in several with rests of so many microseconds between them.
pub(crate) async fn say(
    stream: &Stream,
    bytes: &[u8],
    dice: &mut Dice,
    pieces: u64,
    rest: u64,
) -> std::io::Result<()> {
    stream.set_send_limit(Some(PATIENCE));
    let mut left = bytes;
    for _ in 1..pieces {
        let (piece, more) = left.split_at(dice.below(left.len() as u64 + 1) as usize);
        left = more;
        if !piece.is_empty() {
            stream.send(outgoing(piece)).await?;
            sleep(Duration::from_micros(dice.below(rest))).await;
        }
    }
    stream.send(outgoing(left)).await?;
    stream.flushed().await
}

fn outgoing(bytes: &[u8]) -> Outgoing {
    let mut head = Scratch::take();
    head.extend_from_slice(bytes);
    Outgoing::head(head)
}

/// Writes a body behind a head that says how it ends.
pub(crate) fn write_body(out: &mut Vec<u8>, body: &[u8], framing: Framing, dice: &mut Dice) {
    if framing != Framing::Chunked {
        out.extend_from_slice(body);
        return;
    }
    let mut left = body;
    while !left.is_empty() {
        let (chunk, more) = left.split_at(dice.between(1, left.len() as u64) as usize);
        left = more;
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// A field that now and then makes a head larger than what one receive brings.
pub(crate) fn padding(dice: &mut Dice) -> String {
    if dice.chance(960) {
        return String::new();
    }
    format!("X-Pad: {}\r\n", "p".repeat(dice.below(28_000) as usize))
}

/// Bytes that follow from a number.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut dice = Dice::of(seed, 0xb0d7);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&dice.bits().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
