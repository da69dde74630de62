//! Attempts to poison a cache. What is promised: on a route with a cache, a request gets what was stored for another only
//! if the origin would have got the same request line (of GET for HEAD), Host, origin and body from both, no field that servers take for one
//! of these, and the same in each field that the stored answer names in Vary, but for what means the same in it. Fields that
//! Vary does not name may differ: that is what Vary is there for. A route's own rules for keys may promise less.
//!
//! Each attempt asks for a page that nobody has asked for, twice, with one difference, of an origin that repeats all that it
//! gets and lets all of it be kept. A second proxy, with an empty cache, tells what the origin would have got the second time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use ringfence_io::sim::{Dice, Simulation, Weather};
use ringfence_io::{Endpoint, ListenSocket, Listener, Stream, spawn};

use crate::number;
use crate::plans::{DOORS, SERVERS, load};
use crate::scene::{adopt, open};
use crate::wire::{Head, Wire, say};

/// Attempts of an ordinary run.
const ATTEMPTS: u64 = 6_000;

/// Steps after which a run does not end.
const MOST_STEPS: u64 = 200_000_000;

/// Fields that may differ where Vary does not name them: those that say who asks and what kind of answer they like, and
/// those that nobody has heard of.
const FREE: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "content-type",
    "cookie",
    "expect",
    "max-forwards",
    "pragma",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "x-kind",
    "x-real-ip",
    "x-requested-with",
];

/// Fields that a cache answers itself, from what is whole: what it stores was asked for without them.
const FOR_CACHES: &[&str] = &["if-modified-since", "if-none-match", "if-range", "range"];

/// Fields that differ from one request to the next whoever sends it.
const OURS: &[&str] = &["x-request-id", "via"];

/// Field lines that one of two requests has.
const LINES: &[&str] = &[
    "Accept: text/html",
    "Accept-Encoding: gzip, br",
    "Accept-Encoding: BR,gzip",
    "Accept-Language: de, en",
    "Authorization: Basic YTph",
    "Cache-Control: max-age=100",
    "Connection: X-Kind",
    "Connection: close, Cookie",
    "Connection: X-Forwarded-For, Host",
    "Content-Type: text/xml",
    "Cookie: a=1",
    "Cookie: a=1; b=\"x, y\"",
    "Expect: 100-continue",
    "Forwarded: host=evil.example;proto=https",
    "Front-End-Https: on",
    "If-Match: \"a\"",
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    "If-None-Match: \"a\"",
    "If-Range: \"a\"",
    "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    "Keep-Alive: timeout=5",
    "Max-Forwards: 3",
    "Origin: https://evil.example",
    "Pragma: no-cache",
    "Proxy: http://evil.example",
    "Proxy-Authorization: Basic YTph",
    "Proxy-Connection: keep-alive",
    "Range: bytes=0-3",
    "Referer: http://evil.example/a,b",
    "TE: trailers",
    "Upgrade: websocket",
    "User-Agent: a, b",
    "Via: 1.1 evil",
    "X-Envoy-Original-Path: /evil",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 81",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Scheme: https",
    "X-Forwarded-Ssl: on",
    "X_Forwarded_Host: evil.example",
    "X-Forwarded_Proto: https",
    "X-Host: evil.example",
    "X-HTTP-Method-Override: POST",
    "X-Http-Destinationurl: http://evil.example",
    "X-Kind: a",
    "X-Kind: b",
    "X_Kind: b",
    "X-Kind: a,b",
    "X-Kind: a, b",
    "X-Kind: \"a, b\"",
    "X-Kind: \"a,b\"",
    "X-Method-Override: DELETE",
    "X-Original-Host: evil.example",
    "X-Original-URL: /evil",
    "X-Real-IP: 192.0.2.1",
    "X-Requested-With: XMLHttpRequest",
    "X-Rewrite-URL: /evil",
    "X-URL-Scheme: https",
];

/// Paths and queries behind a page's own.
const TARGETS: &[&str] = &[
    "",
    "/",
    "/.",
    "/x",
    "/%78",
    "/X",
    "/x/",
    "/x/../x",
    "//x",
    "/x;a=1",
    "/x%2f",
    "/x%2F",
    "/x%3Fa=1",
    "?",
    "?a",
    "?a=",
    "?a=1",
    "?%61=1",
    "?a=%31",
    "?A=1",
    "?a=1&",
    "?&a=1",
    "?a=1&b=2",
    "?b=2&a=1",
    "?a=1;b=2",
    "?a=1%26b=2",
    "?a=1&a=2",
    "?a=%7e",
    "?a=~",
    "?a=%2f",
    "?a=%2F",
    "?a=/",
    "?a=+",
    "?a=%20",
    "?a=%zz",
    "?_method=POST",
];

const HOSTS: &[&str] = &[
    "example.com",
    "EXAMPLE.com",
    "example.com.",
    "example.com:80",
    "example.com:8080",
    "other.example",
];

/// What follows the head of a GET.
const BODIES: &[&str] = &[
    "\r\n",
    "Content-Length: 0\r\n\r\n",
    "Content-Length: 3\r\n\r\nx=1",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nx=2\r\n0\r\n\r\n",
];

/// A request, but for the page that it is for.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    method: &'static str,
    target: &'static str,
    absolute: bool,
    version: &'static str,
    host: &'static str,
    lines: Vec<&'static str>,
    body: &'static str,
}

impl Request {
    fn draw(dice: &mut Dice) -> Self {
        let mut lines: Vec<_> = (0..dice.below(3)).map(|_| *dice.pick(LINES)).collect();
        // More than one of a name may be what a request is refused for.
        lines.dedup_by_key(|line| line.split(':').next());
        Self {
            method: "GET",
            target: *dice.pick(TARGETS),
            absolute: false,
            version: "1.1",
            host: HOSTS[0],
            lines,
            body: BODIES[0],
        }
    }

    /// The same with one difference.
    fn change(&self, dice: &mut Dice) -> Self {
        let mut other = self.clone();
        match dice.below(12) {
            0..=2 => other.target = *dice.pick(TARGETS),
            3 => other.host = *dice.pick(HOSTS),
            4 => other.body = *dice.pick(BODIES),
            5 => match dice.below(3) {
                0 => other.absolute = true,
                1 => other.version = "1.0",
                _ => other.method = *dice.pick(&["HEAD", "POST"]),
            },
            6 if !other.lines.is_empty() => drop(other.lines.pop()),
            _ => other.lines.push(*dice.pick(LINES)),
        }
        other
    }

    fn write(&self, page: u64) -> Vec<u8> {
        let Self {
            method,
            target,
            version,
            host,
            lines,
            body,
            ..
        } = self;
        let before = if self.absolute {
            format!("http://{host}")
        } else {
            String::new()
        };
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        format!("{method} {before}/{page}{target} HTTP/{version}\r\nHost: {host}\r\n{lines}{body}")
            .into_bytes()
    }
}

/// What an origin got.
#[derive(Clone, Debug, Default, PartialEq)]
struct Got {
    line: String,
    body: String,
    fields: BTreeMap<String, Vec<String>>,
}

impl Got {
    fn of(head: &Head, body: Vec<u8>) -> Self {
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in head.fields() {
            fields
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(value.clone());
        }
        fields.retain(|name, _| !OURS.contains(&&**name));
        if body.is_empty() {
            // Nothing is nothing, whether it has a length or not.
            fields.remove("content-length");
        }
        Self {
            line: head.line.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
            fields,
        }
    }

    /// Whether the answer to this may be given to a request that an origin would get as `other`.
    fn may_answer(&self, other: &Self, varies: bool) -> bool {
        let names = self.fields.keys().chain(other.fields.keys());
        let mut held = names
            .filter(|name| !FOR_CACHES.contains(&&***name))
            .filter(|name| varies || !FREE.contains(&&***name));
        let whole = FOR_CACHES
            .iter()
            .all(|name| !self.fields.contains_key(*name));
        whole
            && self.line == other.line.replacen("HEAD ", "GET ", 1)
            && self.body == other.body
            && held.all(|name| {
                meaning(name, self.fields.get(name)) == meaning(name, other.fields.get(name))
            })
    }
}

/// What a field's lines mean: the same for lines that say the same.
fn meaning(name: &str, lines: Option<&Vec<String>>) -> Option<Vec<String>> {
    let lines = lines?;
    let all = lines.join(", ");
    if matches!(name, "cookie" | "user-agent") || all.contains('"') {
        return Some(vec![all]);
    }
    let members = all
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty());
    let mut members: Vec<String> = members.map(str::to_owned).collect();
    if matches!(name, "accept-encoding" | "accept-language") {
        for member in &mut members {
            member.make_ascii_lowercase();
        }
        members.sort();
    }
    Some(members)
}

/// An origin that repeats what it gets: its answer has the number under which `all` has that.
async fn repeat(all: Rc<RefCell<Vec<Got>>>, varies: Rc<Cell<bool>>) {
    let listener = ListenSocket::bind(SERVERS[0], 64, false).and_then(Listener::new);
    let listener = listener.expect("the address is free");
    while let Some(stream) = listener.accept().await {
        let (all, varies) = (all.clone(), varies.clone());
        spawn(async move {
            let mut wire = Wire::new(Rc::new(stream), Dice::new(1));
            while let Ok(Some(head)) = wire.head().await {
                let Ok(body) = wire.body(head.of_request()).await else {
                    return;
                };
                let got = Got::of(&head, body.bytes);
                let names = [
                    "accept",
                    "accept-encoding",
                    "accept-language",
                    "authorization",
                    "cookie",
                    "origin",
                ];
                let mut names: Vec<_> = names.map(str::to_owned).into();
                names.extend(got.fields.keys().cloned());
                names.extend(FREE.iter().map(|name| (*name).to_owned()));
                names.sort();
                names.dedup();
                let vary = match varies.get() {
                    true => format!("Vary: {}\r\n", names.join(", ")),
                    false => String::new(),
                };
                let at = all.borrow().len();
                all.borrow_mut().push(got);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nX-Got: {at}\r\nCache-Control: public, max-age=9999\r\n{vary}Content-Length: 0\r\n\r\n"
                );
                let stream = wire.stream().clone();
                if say(&stream, answer.as_bytes(), &mut Dice::new(1), 1, 1)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
    }
}

/// Asks, over a connection of its own: the number of what the answer's origin got, and whether it was asked for this.
async fn ask(door: usize, request: &Request, page: u64) -> Option<(usize, String)> {
    let stream = Stream::connect(&Endpoint::Tcp(DOORS[door])).await.ok()?;
    let mut wire = Wire::new(Rc::new(stream), Dice::new(1));
    let stream = wire.stream().clone();
    say(&stream, &request.write(page), &mut Dice::new(1), 1, 1)
        .await
        .ok()?;
    let head = loop {
        let head = wire.head().await.ok()??;
        if !head.line.starts_with("HTTP/1.1 1") {
            break head;
        }
    };
    let how = head.get("x-cache").unwrap_or_default().to_owned();
    Some((head.number("x-got")? as usize, how))
}

/// One attempt: says whether the second was answered with what was stored.
async fn attempt(
    all: &RefCell<Vec<Got>>,
    pair: &[Request; 2],
    page: u64,
    varies: bool,
) -> Result<bool, String> {
    let [first, second] = pair;
    let Some((stored, _)) = ask(0, first, page).await else {
        return Ok(false);
    };
    let Some((given, how)) = ask(0, second, page).await else {
        return Ok(false);
    };
    if given != stored {
        return Ok(false);
    }
    let Some((own, _)) = ask(1, second, page).await else {
        return Err(format!(
            "{second:?} has no answer of its own, and was given {how}"
        ));
    };
    let all = all.borrow();
    match all[stored].may_answer(&all[own], varies) {
        true => Ok(true),
        false => Err(format!(
            "{second:?}\nwas given the answer to {first:?}\nof which the origin got {:?}\nand not {:?}",
            all[stored], all[own]
        )),
    }
}

fn try_to_poison(seed: u64, trusted: bool) {
    let mut dice = Dice::of(seed, 30);
    let mut world = Simulation::new(seed, Weather::fair());
    let trust = if trusted {
        "trusted = [\"0.0.0.0/0\"]\n"
    } else {
        ""
    };
    let mut houses = Vec::new();
    for door in DOORS {
        let text = format!(
            "[[listener]]\naddress = \"{door}\"\n[forwarding]\nforwarded = true\n{trust}\
             [[route]]\nupstream = \"app\"\ncache = true\n[upstream.app]\nservers = [\"{}\"]\n",
            SERVERS[0]
        );
        let adoption = adopt(&load(&text), None);
        houses.push((open(&mut world, 1, &adoption, &[door]), adoption));
    }
    let (all, varies) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
    world.start(repeat(all.clone(), varies.clone()));
    let outcome = Rc::new(RefCell::new(Ok(0)));
    let told = outcome.clone();
    let attempts = number("ATTEMPTS").unwrap_or(ATTEMPTS);
    let client = world.start(async move {
        for page in 0..attempts {
            let first = Request::draw(&mut dice);
            let second = first.change(&mut dice);
            let mut pair = [first, second];
            if dice.chance(500) {
                pair.reverse();
            }
            varies.set(dice.chance(400));
            match attempt(&all, &pair, page, varies.get()).await {
                Ok(shared) => *told.borrow_mut().as_mut().expect("so far") += u64::from(shared),
                Err(why) => return drop(told.replace(Err(why))),
            }
        }
    });
    let mut steps = 0;
    while world.left(client).is_none() {
        steps += 1;
        assert!(
            world.step() && steps < MOST_STEPS,
            "POISON_SEED={seed}: it never ends"
        );
    }
    let shared = match outcome.replace(Ok(0)) {
        Ok(shared) => shared,
        Err(why) => panic!("POISON_SEED={seed}, trusted: {trusted}: {why}"),
    };
    println!(
        "POISON_SEED={seed}, trusted: {trusted}: {shared} of {attempts} were answered with what was stored"
    );
    assert!(
        attempts < ATTEMPTS || shared > attempts / 20,
        "{shared} of {attempts}"
    );
}

#[test]
fn nobody_is_given_what_another_has_made_of_an_answer() {
    let seed = number("POISON_SEED").unwrap_or(1);
    for trusted in [false, true] {
        try_to_poison(seed, trusted);
    }
}
