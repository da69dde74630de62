//! What every party saw, and what follows from it.

use std::collections::BTreeMap;
use std::fmt::Arguments;

use crate::wire::{Body, Ended, Framing, Head, noise};

/// Each request and each answer of one run.
#[derive(Default)]
pub(crate) struct Ledger {
    requests: BTreeMap<u64, Request>,
    answers: BTreeMap<u64, Answer>,
    next: u64,
    /// Attempts that any plan of the run allowed after the first.
    pub(crate) most_retries: u32,
    /// The first promise that was broken.
    pub(crate) broken: Option<String>,
    pub(crate) tally: Tally,
}

/// How exchanges went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Answered by a server, whole.
    pub(crate) whole: u64,
    /// Refused by name.
    pub(crate) refused: u64,
    /// Answered by the proxy as its plan says.
    pub(crate) fixed: u64,
    /// Visibly cut off, or never answered on a connection that ended.
    pub(crate) cut: u64,
    /// Sent behind a request whose answer ended the connection.
    pub(crate) unserved: u64,
    /// Connections that were refused, or never answered.
    pub(crate) unconnected: u64,
    /// Sent by the proxy more than once.
    pub(crate) repeated: u64,
}

/// A request that a client has made.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Bytes of its body.
    pub(crate) len: usize,
    /// The proxy answers it for itself.
    pub(crate) fixed: bool,
    /// How often a server got its head.
    seen: u32,
    /// How often one got something of its body too, or all that there is: only then may it have been carried out.
    begun: u32,
    /// It was sent on without a body.
    bodiless: bool,
}

/// An answer that a server has begun.
#[derive(Debug)]
pub(crate) struct Answer {
    id: u64,
    status: u16,
    len: usize,
    framing: Framing,
    /// All of it was sent, and the connection ended in order where that ends the answer.
    whole: bool,
}

/// The body of every answer that the plan itself gives.
pub(crate) const FIXED: &str = "as the plan says";

impl Request {
    fn is_idempotent(&self) -> bool {
        self.method != "POST"
    }
}

impl Ledger {
    /// Enters a request and gives its number.
    pub(crate) fn request(&mut self, method: &'static str, len: usize, fixed: bool) -> u64 {
        self.next += 1;
        let request = Request {
            method,
            len,
            fixed,
            seen: 0,
            begun: 0,
            bodiless: false,
        };
        self.requests.insert(self.next, request);
        self.next
    }

    /// Notes that something happened that must not.
    pub(crate) fn fail(&mut self, what: Arguments<'_>) {
        self.broken.get_or_insert_with(|| what.to_string());
    }

    /// A server got a request's head: its number and how many bytes its body has.
    pub(crate) fn saw(&mut self, head: &Head) -> Option<(u64, usize)> {
        let known = head
            .number("x-id")
            .and_then(|id| Some((id, self.requests.get_mut(&id)?)));
        let Some((id, request)) = known else {
            self.fail(format_args!(
                "a server got a request that nobody made: {head:?}"
            ));
            return None;
        };
        request.seen += 1;
        // A body that is empty but for its end is there when that end is.
        let bodiless = matches!(head.of_request(), Framing::None | Framing::Length(0));
        request.begun += u32::from(bodiless);
        request.bodiless = bodiless;
        let (seen, len) = (request.seen, request.len);
        let repeated = !request.is_idempotent() && request.begun > 1;
        // Each attempt may find that its idle connection had been closed, and go on anew.
        let most = 2 * (1 + self.most_retries);
        let line = format!("{} /r/{id} HTTP/1.1", request.method);
        let fixed = request.fixed;
        self.tally.repeated += u64::from(seen > 1);
        if seen > most || repeated {
            self.fail(format_args!("request {id} was sent {seen} times: {head:?}"));
        }
        if head.line != line || fixed {
            self.fail(format_args!("request {id} came as {head:?}"));
        }
        if head
            .get("connection")
            .is_some_and(|value| !value.eq_ignore_ascii_case("close"))
        {
            self.fail(format_args!(
                "request {id} passed the client's connection on: {head:?}"
            ));
        }
        let framing = head.of_request();
        let fits = match framing {
            Framing::None => len == 0,
            Framing::Length(length) => length == len,
            _ => true,
        };
        if !fits {
            self.fail(format_args!(
                "request {id} has {len} bytes, and came with {framing:?}"
            ));
        }
        Some((id, len))
    }

    /// A server got a request's body, or some of it.
    pub(crate) fn got_body(&mut self, id: u64, len: usize, body: &Body) {
        if let Some(request) = self.requests.get_mut(&id) {
            let ended = len == 0 && body.cut.is_none();
            request.begun += u32::from(!request.bodiless && (ended || !body.bytes.is_empty()));
            if !request.is_idempotent() && request.begun > 1 {
                self.fail(format_args!("request {id} was carried out twice"));
            }
        }
        let right = noise(id, len);
        let whole = body.cut.is_none();
        if !right.starts_with(&body.bytes) || whole && right.len() != body.bytes.len() {
            let got = body.bytes.len();
            self.fail(format_args!(
                "request {id}: {got} bytes of {len}, not as they were sent"
            ));
        }
    }

    /// A server begins to answer; gives the answer's number.
    pub(crate) fn answer(&mut self, id: u64, status: u16, len: usize, framing: Framing) -> u64 {
        self.next += 1;
        let answer = Answer {
            id,
            status,
            len,
            framing,
            whole: false,
        };
        self.answers.insert(self.next, answer);
        self.next
    }

    /// A server has sent all of an answer.
    pub(crate) fn answered(&mut self, serial: u64) {
        if let Some(answer) = self.answers.get_mut(&serial) {
            answer.whole = true;
        }
    }

    /// How the body of what a client got for a request ends.
    pub(crate) fn framing(&self, id: u64, head: &Head, status: u16) -> Framing {
        // One that did not come whole in time is answered as if it were any request.
        if self.requests[&id].method == "HEAD" && status != 408 {
            Framing::None
        } else {
            head.of_response(status)
        }
    }

    /// A client got an answer to its request.
    pub(crate) fn got_answer(&mut self, id: u64, head: &Head, status: u16, body: &Body) {
        let outcome = match head.number("x-serial") {
            Some(serial) => self.judge_answer(id, serial, head, status, body),
            None => self.judge_own(id, status, body),
        };
        if let Err(why) = outcome {
            let len = body.bytes.len();
            let cut = body.cut;
            self.fail(format_args!(
                "request {id} was answered with {why}: {head:?}, {len} bytes, cut: {cut:?}"
            ));
        }
    }

    fn judge_answer(
        &mut self,
        id: u64,
        serial: u64,
        head: &Head,
        status: u16,
        body: &Body,
    ) -> Result<(), &'static str> {
        let answer = self.answers.get(&serial).ok_or("what no server said")?;
        if answer.id != id || head.number("x-id") != Some(id) {
            return Err("the answer to another");
        }
        if answer.status != status {
            return Err("another status");
        }
        let is_head = self.requests[&id].method == "HEAD";
        let bodiless = is_head || status == 204 || status == 304;
        let right = noise(serial, if bodiless { 0 } else { answer.len });
        if !right.starts_with(&body.bytes) {
            return Err("bytes that the server did not send");
        }
        let short = body.bytes.len() < right.len();
        // Where its end is that of the connection, nobody can tell that a server died.
        let deniable = answer.framing == Framing::UntilClose && !answer.whole;
        match body.cut {
            Some(Ended::Late) => return Err("no end"),
            Some(_) => self.tally.cut += 1,
            None if short && !deniable => return Err("fewer bytes than the server sent"),
            None => self.tally.whole += 1,
        }
        Ok(())
    }

    /// An answer of the proxy's own.
    fn judge_own(&mut self, id: u64, status: u16, body: &Body) -> Result<(), &'static str> {
        let request = &self.requests[&id];
        if body.cut.is_some() {
            self.tally.cut += 1;
            return Ok(());
        }
        let text = String::from_utf8_lossy(&body.bytes);
        if request.fixed && status == 200 && (text == FIXED || request.method == "HEAD") {
            self.tally.fixed += 1;
            return Ok(());
        }
        let word = text.trim_end().rsplit(": ").next().unwrap_or_default();
        let mut reasons = ringfence_http::Reason::ALL.iter();
        let reason = reasons.find(|reason| reason.word() == word);
        let named = reason.is_some_and(|reason| reason.status() == status);
        if !named && request.method != "HEAD" || status < 400 {
            return Err("what is no refusal");
        }
        let unsent = ["no_server", "queue_full", "queue_timeout", "connect_failed"];
        if !request.is_idempotent() && unsent.contains(&word) && request.begun > 0 {
            return Err("the claim that it was not sent");
        }
        self.tally.refused += 1;
        Ok(())
    }

    /// A connection ended with a request unanswered.
    pub(crate) fn unanswered(&mut self, id: u64, ended: Option<Ended>, said_close: bool) {
        if ended == Some(Ended::Late) {
            self.fail(format_args!("request {id} was never answered"));
        }
        if said_close {
            self.tally.unserved += 1;
        } else {
            self.tally.cut += 1;
        }
    }
}
