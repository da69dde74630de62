//! Clients: well-behaved ones, and others.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::Dice;
use ringfence_io::{Endpoint, Stream, now, sleep, spawn, timeout_at};

use crate::scene::Shared;
use crate::wire::{Ended, Framing, Head, Wire, noise, padding, say, write_body};

/// What clients do that proper ones do not, in a thousand connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Breaks off while it sends.
    pub(crate) breaks_off: u32,
    /// Goes away while it is answered.
    pub(crate) leaves: u32,
    /// Reads, or sends, slowly.
    pub(crate) slow: u32,
}

/// One client.
pub(crate) struct Client {
    pub(crate) shared: Shared,
    pub(crate) doors: Vec<SocketAddr>,
    pub(crate) manners: Manners,
    pub(crate) dice: Dice,
    /// Connections that it makes.
    pub(crate) connections: u64,
    /// Longest pause before each, in microseconds.
    pub(crate) pause: u64,
}

/// What is said on one connection.
struct Script {
    bytes: Vec<u8>,
    ids: Vec<u64>,
    old: bool,
}

/// How a client's part on a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// It waits for its answers.
    Wait,
    /// It says that it has said all.
    HalfClose,
    /// It resets the connection.
    Abort,
    /// It closes.
    Close,
}

impl Client {
    /// Makes all its connections, one after another.
    pub(crate) async fn run(mut self) {
        for _ in 0..self.connections {
            sleep(Duration::from_micros(self.dice.below(self.pause))).await;
            let door = Endpoint::Tcp(*self.dice.pick(&self.doors));
            let connect = Stream::connect(&door);
            match timeout_at(now() + Duration::from_secs(60), connect).await {
                Ok(Ok(stream)) => self.converse(Rc::new(stream)).await,
                _ => self.shared.ledger.borrow_mut().tally.unconnected += 1,
            }
        }
    }

    async fn converse(&mut self, stream: Rc<Stream>) {
        let dice = &mut self.dice;
        let mut script = Script::draw(&self.shared, dice);
        let mut last = *dice.pick(&[Last::Wait, Last::Wait, Last::HalfClose]);
        let broke_off = dice.chance(self.manners.breaks_off);
        if broke_off {
            let cut = dice.below(script.bytes.len() as u64) as usize;
            script.bytes.truncate(cut);
            last = *dice.pick(&[Last::HalfClose, Last::Abort, Last::Close]);
        }
        let (mut pieces, mut rest, mut slowness) = (dice.between(1, 3), 2_000, 0);
        if dice.chance(self.manners.slow) {
            rest = 3_000_000;
            pieces += dice.below(6);
            slowness = dice.below(400_000);
        }
        let leaves = dice.chance(self.manners.leaves);
        let mut wire = Wire::new(stream.clone(), Dice::new(dice.bits()));
        wire.slowness = slowness;
        let quit = Rc::new(Cell::new(false));
        let speaker = Speaker {
            stream,
            bytes: script.bytes,
            last,
            quit: quit.clone(),
            dice: Dice::new(dice.bits()),
        };
        spawn(speaker.run(pieces, rest));
        let left_at = leaves.then(|| dice.below(script.ids.len() as u64) as usize);
        let listener = Listener {
            shared: &self.shared,
            wire,
            ids: script.ids,
            old: script.old,
            said_close: false,
            broke_off,
            waits: last == Last::HalfClose,
        };
        listener.run(left_at).await;
        quit.set(true);
    }
}

impl Script {
    /// One request or several, one behind the other.
    fn draw(shared: &Shared, dice: &mut Dice) -> Self {
        let mut script = Self {
            bytes: Vec::new(),
            ids: Vec::new(),
            old: dice.chance(100),
        };
        let many = if script.old { 1 } else { dice.between(1, 5) };
        for _ in 0..many {
            script.add(shared, dice);
        }
        script
    }

    fn add(&mut self, shared: &Shared, dice: &mut Dice) {
        let method = *dice.pick(&["GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"]);
        let with_body = matches!(method, "POST" | "PUT");
        let len = match dice.below(8) {
            _ if !with_body => 0,
            0 => 0,
            1 => dice.below(150_000) as usize,
            _ => dice.below(3_000) as usize,
        };
        let chunked = with_body && !self.old && dice.chance(400);
        let fixed = dice.chance(80);
        let id = shared.ledger.borrow_mut().request(method, len, fixed);
        let place = if fixed { "fixed" } else { "r" };
        let version = if self.old { "1.0" } else { "1.1" };
        let mut head =
            format!("{method} /{place}/{id} HTTP/{version}\r\nHost: example.com\r\nX-Id: {id}\r\n");
        let framing = match (with_body, chunked) {
            (false, _) => Framing::None,
            (true, true) => {
                head += "Transfer-Encoding: chunked\r\n";
                Framing::Chunked
            }
            (true, false) => {
                head += &format!("Content-Length: {len}\r\n");
                Framing::Length(len)
            }
        };
        if len > 0 && dice.chance(150) && !self.old {
            head += "Expect: 100-continue\r\n";
        }
        head += &padding(dice);
        head += "\r\n";
        self.bytes.extend_from_slice(head.as_bytes());
        write_body(&mut self.bytes, &noise(id, len), framing, dice);
        self.ids.push(id);
    }
}

/// The half of a client that sends.
struct Speaker {
    stream: Rc<Stream>,
    bytes: Vec<u8>,
    last: Last,
    quit: Rc<Cell<bool>>,
    dice: Dice,
}

impl Speaker {
    async fn run(mut self, pieces: u64, rest: u64) {
        let said = say(&self.stream, &self.bytes, &mut self.dice, pieces, rest).await;
        if said.is_err() || self.quit.get() {
            return;
        }
        match self.last {
            Last::Wait => {}
            Last::HalfClose => self.stream.shutdown_write().await,
            Last::Abort | Last::Close => self.stream.abort(),
        }
    }
}

/// The half of a client that is answered.
struct Listener<'c> {
    shared: &'c Shared,
    wire: Wire,
    ids: Vec<u64>,
    /// It speaks HTTP/1.0.
    old: bool,
    /// It was told that the connection ends.
    said_close: bool,
    /// It did not send all that it is answered for.
    broke_off: bool,
    /// It leaves the end of the connection to the proxy.
    waits: bool,
}

impl Listener<'_> {
    /// Takes the answers in their order, or goes away at the one of that number.
    async fn run(mut self, left_at: Option<usize>) {
        let ids = std::mem::take(&mut self.ids);
        let mut goes_on = true;
        for (at, id) in ids.into_iter().enumerate() {
            if left_at == Some(at) {
                let _ = self.wire.more().await;
                return self.wire.stream().abort();
            }
            if !goes_on {
                self.unanswered(id);
                continue;
            }
            goes_on = self.answer(id).await;
        }
        self.end(goes_on).await;
    }

    /// Takes one answer; false where the connection ends with it.
    async fn answer(&mut self, id: u64) -> bool {
        let (head, status) = loop {
            match self.wire.head().await {
                Ok(Some(head)) => match status(&head) {
                    Some(100..=199) if !self.old => {}
                    Some(status) => break (head, status),
                    None => return self.fail(id, format!("no status: {head:?}")),
                },
                Ok(None) => {
                    self.unanswered(id);
                    return false;
                }
                Err(why) => return self.fail(id, why),
            }
        };
        let framing = self.shared.ledger.borrow().framing(id, &head, status);
        match self.wire.body(framing).await {
            Ok(body) => {
                let goes_on = body.cut.is_none() && framing != Framing::UntilClose;
                self.said_close = goes_on && head.says_close();
                let mut ledger = self.shared.ledger.borrow_mut();
                ledger.got_answer(id, &head, status, &body);
                goes_on && !head.says_close() && !self.old
            }
            Err(why) => self.fail(id, why),
        }
    }

    fn unanswered(&self, id: u64) {
        let mut ledger = self.shared.ledger.borrow_mut();
        ledger.unanswered(id, self.wire.ended(), self.said_close);
    }

    fn fail(&self, id: u64, why: String) -> bool {
        let mut ledger = self.shared.ledger.borrow_mut();
        ledger.fail(format_args!("the answer to {id} is none: {why}"));
        false
    }

    /// After the last answer there is nothing more.
    async fn end(mut self, open: bool) {
        if !open || self.waits {
            while self.wire.more().await.is_ok() {}
        }
        let ended = self.wire.ended();
        let mut ledger = self.shared.ledger.borrow_mut();
        if ended == Some(Ended::Late) {
            ledger.fail(format_args!("a connection never ended"));
        }
        // What follows a broken answer has no shape, and of a request that was broken off nobody
        // can tell that its answer should have had no body.
        let held = self.wire.held();
        if !held.is_empty() && (open || self.said_close) && !self.broke_off {
            let text = held.escape_ascii().to_string();
            ledger.fail(format_args!("bytes that answer nothing: {text}"));
        }
    }
}

fn status(head: &Head) -> Option<u16> {
    let mut words = head.line.splitn(3, ' ');
    let version = words.next()?;
    let status = words.next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then_some(status)
}
