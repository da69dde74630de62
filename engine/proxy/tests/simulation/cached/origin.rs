//! The origins of a cached run: they all serve one site.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::Dice;
use ringfence_io::{ListenSocket, Listener, sleep, spawn, unix_now};

use super::book::{self, Asked, Book, Given, Mark};
use super::model::Said;
use super::parts::tag;
use super::site::{HOSTS, Page, Selecting, USER, mind, spell};
use crate::wire::{Framing, Head, Wire, say, write_body};

/// When a page of version 0 was last changed, in seconds since 1970; each version is some seconds younger.
const CHANGED: u64 = 1_699_000_000;

/// What the site is at the moment.
pub(crate) struct Site {
    pages: BTreeMap<Page, State>,
    dice: Dice,
    calm: bool,
}

#[derive(Clone)]
struct State {
    version: u64,
    said: Said,
    tag: Option<u64>,
}

impl Site {
    pub(crate) fn new(dice: Dice, calm: bool) -> Self {
        Self {
            pages: BTreeMap::new(),
            dice,
            calm,
        }
    }

    fn page(&mut self, page: Page) -> &mut State {
        let (dice, calm) = (&mut self.dice, self.calm);
        self.pages.entry(page.key()).or_insert_with(|| State {
            version: 0,
            said: mind(dice, calm),
            tag: dice.chance(600).then(|| dice.below(3)),
        })
    }

    /// A page has other content from now on; where all may change, it says other things of caching too.
    pub(crate) fn change(&mut self, page: Page) {
        let (said, tag) = (mind(&mut self.dice, self.calm), self.dice.below(3));
        let all = !self.calm && self.dice.chance(300);
        let state = self.page(page);
        state.version += 1;
        if all {
            state.said = said;
            state.tag = Some(tag);
        }
    }
}

/// One origin.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) book: Rc<RefCell<Book>>,
    pub(crate) site: Rc<RefCell<Site>>,
    /// Requests of a thousand that it fails.
    pub(crate) faults: u32,
    pub(crate) seed: u64,
}

/// How it fails one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Reset,
    Close,
    CutHead,
    CutBody,
    Silence,
}

impl Origin {
    /// Serves until its core ends.
    pub(crate) async fn run(self) {
        let listener = ListenSocket::bind(self.address, 64, false).and_then(Listener::new);
        let Ok(listener) = listener else { return };
        let mut dice = Dice::new(self.seed);
        while let Some(stream) = listener.accept().await {
            let wire = Wire::new(Rc::new(stream), Dice::new(dice.bits()));
            let (origin, dice) = (self.clone(), Dice::new(dice.bits()));
            spawn(async move {
                let mut served = Served { origin, wire, dice };
                while served.serve().await {}
            });
        }
    }
}

/// One connection to an origin.
struct Served {
    origin: Origin,
    wire: Wire,
    dice: Dice,
}

/// An answer as it is sent.
struct Answer {
    bytes: Vec<u8>,
    head: usize,
    closes: bool,
}

impl Served {
    /// Serves one request; false where the connection is to end.
    async fn serve(&mut self) -> bool {
        let Ok(Some(head)) = self.wire.head().await else {
            return false;
        };
        let seen = self.origin.book.borrow_mut().saw(&head);
        let Some((id, seen)) = seen else {
            return false;
        };
        let fault = self.dice.chance(self.origin.faults).then(|| {
            *self.dice.pick(&[
                Fault::Reset,
                Fault::Close,
                Fault::CutHead,
                Fault::CutBody,
                Fault::Silence,
            ])
        });
        match fault {
            Some(Fault::Reset) => self.wire.stream().abort(),
            Some(Fault::Silence) => sleep(Duration::from_secs(self.dice.between(1, 20))).await,
            _ => {}
        }
        if matches!(fault, Some(Fault::Reset | Fault::Silence | Fault::Close)) {
            return false;
        }
        if self.dice.chance(300) {
            sleep(Duration::from_micros(self.dice.below(1_500_000))).await;
        }
        let asked = self.origin.book.borrow().asked[&id].clone();
        let mut answer = match matches!(asked.method, "GET" | "HEAD") {
            true => self.answer(id, &asked, &head, seen, fault),
            false => self.change(id, &asked),
        };
        let cut = match fault {
            Some(Fault::CutHead) => self.dice.below(answer.head as u64) as usize,
            Some(_) => {
                let body = answer.bytes.len() - answer.head;
                answer.head + self.dice.below(body as u64) as usize
            }
            None => answer.bytes.len(),
        };
        answer.bytes.truncate(cut);
        let pieces = self.dice.between(1, 3);
        let stream = self.wire.stream().clone();
        let said = say(&stream, &answer.bytes, &mut self.dice, pieces, 50_000).await;
        said.is_ok() && fault.is_none() && !answer.closes
    }

    fn answer(
        &mut self,
        id: u64,
        asked: &Asked,
        head: &Head,
        seen: Mark,
        fault: Option<Fault>,
    ) -> Answer {
        let dice = &mut self.dice;
        let calm = self.origin.book.borrow().calm;
        let state = self.origin.site.borrow_mut().page(asked.page).clone();
        let status = match dice.below(if calm { 20 } else { 16 }) {
            0 => 404,
            1 => *dice.pick(&[204, 301]),
            2 if !calm => *dice.pick(&[500, 503, 503, 302]),
            _ => 200,
        };
        let (content, changed) = self.content(asked, &state, status);
        let held = |name, value: &str| head.get(name).is_some_and(|given| given.contains(value));
        let date = self.date();
        let dice = &mut self.dice;
        let mut book = self.origin.book.borrow_mut();
        let unchanged = status == 200
            && if head.get("if-none-match").is_some() {
                state.said.tagged && held("if-none-match", &format!("\"{content}\""))
            } else {
                state.said.modified && held("if-modified-since", &super::site::http_date(changed))
            };
        let unchanged = unchanged && dice.chance(900);
        let len = length(content, status);
        let framing = framing(len, dice, calm || fault == Some(Fault::CutBody));
        let mut given = Given {
            request: id,
            page: asked.page,
            status,
            said: state.said.clone(),
            content,
            len,
            tag: state.tag,
            date,
            changed,
            age: *dice.pick(&[0, 0, 0, 0, 2, 90, 3_000]),
            has_end: unchanged || status == 204 || framing != Framing::UntilClose,
            names: None,
            seen,
            sent: None,
        };
        given.sent = fault.is_none().then(|| book.mark());
        let mut text = fields(&given, dice);
        if given.said.secret.is_some() {
            text += &format!("X-Secret: {id}\r\n");
        }
        let serial = book.give(given);
        let closes = framing == Framing::UntilClose && !unchanged;
        if unchanged {
            text = format!("HTTP/1.1 304 So\r\nX-Refreshed: {serial}\r\n{text}\r\n");
            let bytes = text.into_bytes();
            let head = bytes.len().saturating_sub(1);
            return Answer {
                bytes,
                head,
                closes,
            };
        }
        text = format!(
            "HTTP/1.1 {status} So\r\nX-Serial: {serial}\r\nContent-Type: text/noise\r\n{text}"
        );
        let bodiless = asked.method == "HEAD" || status == 204;
        finish(
            text,
            status,
            (!bodiless).then(|| book::content(&asked.page, content, len)),
            len,
            framing,
            dice,
        )
    }

    /// The content of what is answered, and when it last changed.
    fn content(&self, asked: &Asked, state: &State, status: u16) -> (u64, u64) {
        let mut book = self.origin.book.borrow_mut();
        let said = &state.said;
        let of = |at: usize| {
            asked.selecting[at]
                .filter(|_| said.vary[at] || asked.page.rules().per_user && at == USER)
        };
        let depends: Selecting = [of(0), of(1), of(2), of(3)];
        let own = said.private || said.no_store || said.varies_always || status != 200;
        let keyed = asked.page.rules().keys_kind;
        let depends = match keyed {
            true => [depends[0], asked.selecting[1], depends[2], depends[3]],
            false => depends,
        };
        let content = match own {
            true => book.fresh_number(),
            false => book.content(asked.page, state.version, depends),
        };
        (content, CHANGED + 10 * state.version)
    }

    fn date(&mut self) -> u64 {
        unix_now().as_secs() - *self.dice.pick(&[0, 0, 0, 1, 40, 3_000])
    }

    /// Answers a request that changes something.
    fn change(&mut self, id: u64, asked: &Asked) -> Answer {
        let dice = &mut self.dice;
        let status = *dice.pick(&[200, 201, 204, 303, 404, 500]);
        if status < 400 {
            self.origin.site.borrow_mut().change(asked.page);
        }
        let other = Page {
            number: dice.below(3),
            ..asked.page
        };
        let names = dice.chance(500).then_some(other);
        let mut book = self.origin.book.borrow_mut();
        let content = book.fresh_number();
        let seen = book.mark();
        let len = length(content, status);
        let serial = book.give(Given {
            request: id,
            page: asked.page,
            status,
            said: Said::default(),
            content,
            len,
            tag: None,
            date: 0,
            changed: 0,
            age: 0,
            has_end: true,
            names,
            seen,
            sent: Some(seen),
        });
        let mut text = format!("HTTP/1.1 {status} So\r\nX-Serial: {serial}\r\n");
        let field = *dice.pick(&["Location", "Content-Location"]);
        if let Some(page) = names {
            let absolute = format!("http://{}", HOSTS[page.host]);
            let host = *dice.pick(&["", &absolute]);
            text += &format!("{field}: {host}{}\r\n", page.url());
        }
        let body = (status != 204).then(|| book::content(&asked.page, content, len));
        finish(text, status, body, len, Framing::Length(len), dice)
    }
}

fn fields(given: &Given, dice: &mut Dice) -> String {
    let mut text = spell(&given.said, given.date, given.changed, dice);
    if given.said.tagged {
        text += &format!("ETag: {}\r\n", tag(given.content));
    }
    if given.age > 0 {
        text += &format!("Age: {}\r\n", given.age);
    }
    if let Some(tag) = given.tag {
        text += &match dice.below(3) {
            0 => format!("Cache-Tag: other, t{tag}\r\n"),
            1 => format!("Surrogate-Key: t{tag} other\r\n"),
            _ => format!("xkey: t{tag}\r\n"),
        };
    }
    text
}

/// The length of a content, which is always the same.
fn length(content: u64, status: u16) -> usize {
    let mut dice = Dice::of(content, 5);
    match dice.below(30) {
        _ if status == 204 => 0,
        0..=2 => 0,
        3..=5 => dice.below(40_000) as usize,
        // More than a small cache has room for on its way.
        6 => dice.below(400_000) as usize,
        _ => dice.below(4_000) as usize,
    }
}

fn framing(len: usize, dice: &mut Dice, has_end: bool) -> Framing {
    match dice.below(8) {
        0 if !has_end => Framing::UntilClose,
        1..=3 => Framing::Chunked,
        _ => Framing::Length(len),
    }
}

fn finish(
    mut text: String,
    status: u16,
    body: Option<Vec<u8>>,
    len: usize,
    framing: Framing,
    dice: &mut Dice,
) -> Answer {
    match framing {
        Framing::Length(_) if status != 204 => text += &format!("Content-Length: {len}\r\n"),
        Framing::Chunked if status != 204 => text += "Transfer-Encoding: chunked\r\n",
        _ => {}
    }
    let closes = framing == Framing::UntilClose;
    if closes {
        text += "Connection: close\r\n";
    }
    text += "\r\n";
    let mut bytes = text.into_bytes();
    let mut head = bytes.len();
    if let Some(body) = body {
        write_body(&mut bytes, &body, framing, dice);
    }
    if bytes.len() == head {
        // To cut off its body is to cut off the end of its head.
        head -= 1;
    }
    Answer {
        bytes,
        head,
        closes,
    }
}
