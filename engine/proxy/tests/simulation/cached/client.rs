//! The clients of a cached run: each asks for one page after another.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::Dice;
use ringfence_io::{Endpoint, Stream, now, sleep, timeout_at};

use super::book::{Asked, Book, Mark};
use super::coded::TAKES;
use super::model::Wants;
use super::parts::{self, tag};
use super::site::{HOSTS, Page, http_date, spell_selecting, spell_wants};
use crate::plans::DOORS;
use crate::wire::{Framing, Wire, say};

/// One client.
pub(crate) struct Client {
    pub(crate) book: Rc<RefCell<Book>>,
    pub(crate) dice: Dice,
    pub(crate) connections: u64,
    /// Connections of a thousand that it leaves while it is answered.
    pub(crate) leaves: u32,
    /// Longest pause before a request, in microseconds.
    pub(crate) pause: u64,
}

impl Client {
    pub(crate) async fn run(mut self) {
        for _ in 0..self.connections {
            let leaps = self.book.borrow().leaps;
            let connect = Stream::connect(&Endpoint::Tcp(DOORS[0]));
            match timeout_at(now() + Duration::from_secs(60), connect).await {
                Ok(Ok(stream)) => self.converse(Rc::new(stream), leaps).await,
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Asks over a connection that it made when the clock had leapt so often.
    async fn converse(&mut self, stream: Rc<Stream>, leaps: u32) {
        let mut wire = Wire::new(stream, Dice::new(self.dice.bits()));
        for _ in 0..self.dice.between(1, 4) {
            sleep(Duration::from_micros(self.dice.below(self.pause))).await;
            while self.book.borrow().holds {
                sleep(Duration::from_millis(20)).await;
            }
            if self.book.borrow().leaps != leaps {
                // The connection may have idled for too long.
                return;
            }
            let (id, bytes) = self.ask();
            let goes_on = self.exchange(id, &bytes, &mut wire).await;
            self.book.borrow_mut().end(id);
            if !goes_on {
                return;
            }
        }
    }

    /// Sends a request and takes its answer; false where the connection has ended.
    async fn exchange(&mut self, id: u64, bytes: &[u8], wire: &mut Wire) -> bool {
        let stream = wire.stream().clone();
        let pieces = self.dice.between(1, 2);
        if say(&stream, bytes, &mut self.dice, pieces, 1_000)
            .await
            .is_err()
        {
            return self.cut(id);
        }
        if self.dice.chance(self.leaves) {
            sleep(Duration::from_micros(self.dice.below(200_000))).await;
            stream.abort();
            return false;
        }
        let head = match wire.head().await {
            Ok(Some(head)) => head,
            Ok(None) => return self.cut(id),
            Err(why) => return self.fail(id, &why),
        };
        let status = head
            .line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let Some(status) = status else {
            return self.fail(id, &format!("no status: {head:?}"));
        };
        let is_head = self.book.borrow().asked[&id].method == "HEAD";
        let framing = if is_head {
            Framing::None
        } else {
            head.of_response(status)
        };
        match wire.body(framing).await {
            Ok(body) => {
                let goes_on =
                    body.cut.is_none() && framing != Framing::UntilClose && !head.says_close();
                self.book.borrow_mut().judge(id, &head, status, &body);
                goes_on
            }
            Err(why) => self.fail(id, &why),
        }
    }

    fn cut(&self, id: u64) -> bool {
        let mut book = self.book.borrow_mut();
        book.count("cut");
        if book.calm {
            book.fail(format!("request {id} was not answered"));
        }
        false
    }

    fn fail(&self, id: u64, why: &str) -> bool {
        self.book
            .borrow_mut()
            .fail(format!("the answer to {id} is none: {why}"));
        false
    }

    /// Draws a request.
    fn ask(&mut self) -> (u64, Vec<u8>) {
        let (dice, mut book) = (&mut self.dice, self.book.borrow_mut());
        let page = Page::draw(dice);
        let method = match dice.below(40) {
            0 => *dice.pick(&["POST", "PUT", "DELETE"]),
            1..=4 => "HEAD",
            _ => "GET",
        };
        let mut some = |chance| dice.chance(chance).then(|| dice.below(2));
        let selecting = [
            some(300),
            some(300),
            some(200),
            some(if page.rules().per_user { 600 } else { 100 }),
        ];
        let began = Mark {
            order: 0,
            at: now(),
        };
        let mut asked = Asked {
            method,
            page,
            selecting,
            takes: None,
            wants: draw_wants(dice),
            if_none_match: None,
            if_modified_since: None,
            range: None,
            if_range: None,
            began,
            ended: None,
            seen: 0,
            stored: false,
        };
        // What coded forms are in the place of is told by conditions and ranges on what is not coded.
        match dice.chance(400) {
            true => asked.takes = Some(dice.below(TAKES.len() as u64) as usize),
            false => draw_conditions(&mut asked, &book, dice),
        }
        asked.began = book.mark();
        let target = page.spell(dice);
        let host = HOSTS[page.host];
        let host = match dice.chance(200) {
            true => host.to_uppercase(),
            false => host.to_owned(),
        };
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        if let Some(at) = asked.takes {
            text += &format!("Accept-Encoding: {}\r\n", TAKES[at].0);
        }
        text += &spell_selecting(&selecting, dice);
        text += &spell_wants(&asked.wants, dice);
        for (name, value) in [
            ("If-None-Match", asked.if_none_match.clone()),
            ("If-Modified-Since", asked.if_modified_since.map(http_date)),
            ("Range", asked.range.as_ref().map(parts::spell)),
            ("If-Range", asked.if_range.clone()),
        ] {
            text += &value.map_or(String::new(), |value| format!("{name}: {value}\r\n"));
        }
        if !matches!(method, "GET" | "HEAD") {
            text += "Content-Length: 0\r\n";
        }
        let id = book.ask(asked);
        text += &format!("X-Id: {id}\r\n\r\n");
        (id, text.into_bytes())
    }
}

fn draw_wants(dice: &mut Dice) -> Wants {
    let mut wants = Wants::default();
    match dice.below(30) {
        0 => wants.no_cache = true,
        1 => wants.no_store = true,
        2 => wants.only_if_cached = true,
        3 => wants.max_age = Some(*dice.pick(&[0, 30, 5_000])),
        4 => wants.min_fresh = Some(*dice.pick(&[1, 30, 5_000])),
        5 | 6 => wants.max_stale = Some(*dice.pick(&[5, 500, u64::MAX])),
        _ => {}
    }
    wants
}

fn draw_conditions(asked: &mut Asked, book: &Book, dice: &mut Dice) {
    if !matches!(asked.method, "GET" | "HEAD") {
        return;
    }
    let known = book.known(asked.page);
    let known = known.map(|given| (tag(given.content), given.changed));
    match (dice.below(12), known) {
        (0, Some((tag, _))) => asked.if_none_match = Some(format!("\"other\", {tag}")),
        (1, Some((_, changed))) => asked.if_modified_since = Some(changed),
        (2, _) => asked.if_none_match = Some("*".to_owned()),
        (3 | 4, known) => {
            asked.range = Some(draw_ranges(dice));
            if let (Some((tag, _)), true) = (known, dice.chance(300)) {
                asked.if_range = Some(tag);
            }
        }
        _ => {}
    }
}

fn draw_ranges(dice: &mut Dice) -> parts::Ranges {
    let from = dice.below(3_000) as usize;
    let mut ranges = vec![*dice.pick(&[
        (Some(0), Some(0)),
        (Some(from), Some(from + 100)),
        (Some(from), None),
        (None, Some(7)),
        (Some(1_000_000), None),
    ])];
    if dice.chance(300) {
        let next = dice.below(3_500) as usize;
        ranges.push((Some(next), Some(next + 9)));
    }
    ranges
}
