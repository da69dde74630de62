//! Servers: good ones, and others.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::Dice;
use ringfence_io::{ListenSocket, Listener, sleep, spawn};

use crate::scene::Shared;
use crate::wire::{Framing, Wire, noise, padding, say, write_body};

/// A server.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) shared: Shared,
    pub(crate) address: SocketAddr,
    /// Requests of a thousand that it does not answer as it should.
    pub(crate) faults: u32,
    /// Requests of a thousand that it answers before it has read them.
    pub(crate) early: u32,
    /// It says when it ends a connection.
    pub(crate) proper: bool,
    pub(crate) seed: u64,
}

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Answer,
    /// Resets at once.
    Reset,
    /// Closes at once, with the request unread.
    Close,
    /// Sends a part of the head, and closes.
    CutHead,
    /// Sends a part of the body, and closes.
    CutBody,
    /// The same, and resets.
    ResetBody,
    /// Says nothing.
    Silence,
    /// Sends what is no head.
    Nonsense,
}

impl Origin {
    /// Serves until its core ends.
    pub(crate) async fn run(self) {
        let Ok(socket) = ListenSocket::bind(self.address, 64, false) else {
            return;
        };
        let Ok(listener) = Listener::new(socket) else {
            return;
        };
        let mut dice = Dice::new(self.seed);
        while let Some(stream) = listener.accept().await {
            let served = Served {
                origin: self.clone(),
                wire: Wire::new(Rc::new(stream), Dice::new(dice.bits())),
                dice: Dice::new(dice.bits()),
            };
            spawn(served.run());
        }
    }
}

/// One connection to a server.
struct Served {
    origin: Origin,
    wire: Wire,
    dice: Dice,
}

/// An answer to be sent.
struct Answer {
    serial: u64,
    bytes: Vec<u8>,
    head: usize,
    closes: bool,
}

impl Served {
    async fn run(mut self) {
        while self.serve().await {}
    }

    fn ledger(&self) -> std::cell::RefMut<'_, crate::ledger::Ledger> {
        self.origin.shared.ledger.borrow_mut()
    }

    /// Serves one request; false where the connection is to end.
    async fn serve(&mut self) -> bool {
        let head = match self.wire.head().await {
            Ok(Some(head)) => head,
            Ok(None) => return false,
            Err(why) => {
                self.ledger()
                    .fail(format_args!("a server got no head: {why}"));
                return false;
            }
        };
        let Some((id, len)) = self.ledger().saw(&head) else {
            return false;
        };
        let act = self.act();
        match act {
            Act::Reset => {
                self.wire.stream().abort();
                return false;
            }
            Act::Close => return false,
            _ => {}
        }
        let early = self.dice.chance(self.origin.early);
        if !early && !self.take_body(id, len, head.of_request()).await {
            return false;
        }
        if act == Act::Silence {
            sleep(Duration::from_secs(self.dice.between(1, 20))).await;
            return false;
        }
        if self.dice.chance(100) {
            sleep(Duration::from_micros(self.dice.below(1_500_000))).await;
        }
        let is_head = head.line.starts_with("HEAD ");
        let goes_on = self.answer(id, act, is_head).await;
        if early && goes_on {
            return self.take_body(id, len, head.of_request()).await;
        }
        goes_on
    }

    fn act(&mut self) -> Act {
        if !self.dice.chance(self.origin.faults) {
            return Act::Answer;
        }
        *self.dice.pick(&[
            Act::Reset,
            Act::Close,
            Act::CutHead,
            Act::CutBody,
            Act::ResetBody,
            Act::Silence,
            Act::Nonsense,
        ])
    }

    async fn take_body(&mut self, id: u64, len: usize, framing: Framing) -> bool {
        match self.wire.body(framing).await {
            Ok(body) => {
                self.ledger().got_body(id, len, &body);
                body.cut.is_none()
            }
            Err(why) => {
                self.ledger()
                    .fail(format_args!("request {id} has a bad body: {why}"));
                false
            }
        }
    }

    async fn answer(&mut self, id: u64, act: Act, is_head: bool) -> bool {
        let mut answer = self.write(id, act, is_head);
        let stream = self.wire.stream().clone();
        match act {
            Act::CutHead => {
                let cut = self.dice.below(answer.head as u64) as usize;
                answer.bytes.truncate(cut);
            }
            Act::CutBody | Act::ResetBody => {
                let body = answer.bytes.len() - answer.head;
                let cut = answer.head + self.dice.below(body as u64 + 1) as usize;
                answer.bytes.truncate(cut);
            }
            Act::Nonsense => answer.bytes = b"HTTP/1.1 2OO what\r\n\r\n".to_vec(),
            _ => {}
        }
        let pieces = self.dice.between(1, 4);
        let rest = *self.dice.pick(&[100, 10_000, 600_000]);
        let said = say(&stream, &answer.bytes, &mut self.dice, pieces, rest).await;
        if act == Act::ResetBody {
            stream.abort();
        }
        if said.is_err() || act != Act::Answer {
            return false;
        }
        self.ledger().answered(answer.serial);
        // Some end a connection without a word.
        !answer.closes && (self.origin.proper || !self.dice.chance(60))
    }

    fn write(&mut self, id: u64, act: Act, is_head: bool) -> Answer {
        let dice = &mut self.dice;
        let len = match dice.below(8) {
            0 => 0,
            1 => dice.below(200_000) as usize,
            _ => dice.below(4_000) as usize,
        };
        let status = match dice.below(40) {
            0 => 204,
            1 => 304,
            2 => 404,
            3 => 500,
            4 => 503,
            _ => 200,
        };
        let mut framing = *dice.pick(&[
            Framing::Length(len),
            Framing::Length(len),
            Framing::Chunked,
            Framing::UntilClose,
        ]);
        if act == Act::CutBody && framing == Framing::UntilClose {
            // That would be no cut.
            framing = Framing::Chunked;
        }
        let bodiless = is_head || status == 204 || status == 304;
        let closes = framing == Framing::UntilClose || dice.chance(80);
        let interim = dice.chance(60);
        let serial = self
            .origin
            .shared
            .ledger
            .borrow_mut()
            .answer(id, status, len, framing);
        let mut head = String::new();
        if interim {
            head += "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n";
        }
        head += &format!("HTTP/1.1 {status} So\r\nX-Id: {id}\r\nX-Serial: {serial}\r\n");
        match framing {
            Framing::Length(len) if status != 204 => head += &format!("Content-Length: {len}\r\n"),
            Framing::Chunked if status != 204 => head += "Transfer-Encoding: chunked\r\n",
            _ => {}
        }
        if closes {
            head += "Connection: close\r\n";
        }
        head += &padding(dice);
        head += "\r\n";
        let mut bytes = head.into_bytes();
        let end = bytes.len();
        if !bodiless {
            write_body(&mut bytes, &noise(serial, len), framing, &mut self.dice);
        }
        Answer {
            serial,
            bytes,
            head: end,
            closes,
        }
    }
}
