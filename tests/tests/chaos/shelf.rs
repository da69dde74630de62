//! The cached part of the site: pages that change and are purged while clients read them. What is read is never mixed, and
//! never what was there before a purge that had returned when it was asked for.

use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringfence_tests::{Client, Origin, Visit, upstream_table};

/// Pages that there are.
const PAGES: usize = 12;

/// Clients that read.
const READERS: u64 = 4;

/// What the site has, and the least that may still be read.
#[derive(Default)]
struct State {
    /// The version of each page.
    now: [AtomicU64; PAGES],
    /// The version that it had when the last purge began that has returned.
    least: [AtomicU64; PAGES],
    stop: AtomicBool,
    read: AtomicU64,
    from_cache: AtomicU64,
}

/// The cached part, its two servers and its readers.
pub(crate) struct Shelf {
    state: Arc<State>,
    pub(crate) origins: [Origin; 2],
    pub(crate) alive: [bool; 2],
    pub(crate) purges: usize,
    readers: Vec<JoinHandle<Result<(), String>>>,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) whole: u64,
    pub(crate) from_cache: u64,
}

impl Shelf {
    pub(crate) fn new() -> Shelf {
        let state = Arc::new(State::default());
        let origin = |name: &str| {
            let state = state.clone();
            let origin = Origin::serving(name, move |visit| serve(visit, &state));
            origin.forgets();
            origin
        };
        let origins = ["shelf-a", "shelf-b"].map(origin);
        Shelf {
            state,
            origins,
            alive: [true; 2],
            purges: 0,
            readers: Vec::new(),
        }
    }

    /// Its part of the file: half of the pages are soon stale, and then may stand in.
    pub(crate) fn config(&self) -> String {
        let route = "[[route]]\nname = \"shelf\"\npath = \"/shelf/*\"\nupstream = \"shelf\"\n\
                     [route.cache]\nserve_stale = \"1h\"\n";
        let origins: Vec<&Origin> = self.origins.iter().collect();
        let lines = "check = \"off\"\nretry = { attempts = 2 }\nejection = false\npool = { idle_timeout = \"1s\" }\n";
        format!("{route}{}", upstream_table("shelf", &origins, lines))
    }

    /// Has clients read until [`Shelf::stop`].
    pub(crate) fn start(&mut self, address: SocketAddr) {
        for seed in 1..=READERS {
            let state = self.state.clone();
            let reader = std::thread::spawn(move || read(address, seed, &state));
            self.readers.push(reader);
        }
    }

    /// Pages change, and then are purged: one of them, or all by a tag that all have.
    pub(crate) fn purge(&mut self, admin: SocketAddr, roll: u64) {
        let one = roll as usize % (2 * PAGES);
        let (pages, tag) = match one < PAGES {
            true => (one..one + 1, format!("page-{one}")),
            false => (0..PAGES, "shelf".to_owned()),
        };
        let versions = self.state.now[pages.clone()].iter();
        let versions: Vec<u64> = versions
            .map(|now| now.fetch_add(1, Ordering::SeqCst) + 1)
            .collect();
        let body = format!(r#"{{"tags": ["{tag}"]}}"#);
        let length = body.len();
        Client::connect(admin)
            .says(format!(
                "POST /cache/purge HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .hears()
            .expect(200);
        for (least, version) in self.state.least[pages].iter().zip(versions) {
            least.store(version, Ordering::SeqCst);
        }
        self.purges += 1;
    }

    /// A server dies or returns; at times both are gone.
    pub(crate) fn kill_or_revive(&mut self, at: usize) {
        match self.alive[at] {
            true => self.origins[at].dies(),
            false => self.origins[at].revives(),
        }
        self.alive[at] = !self.alive[at];
    }

    pub(crate) fn everybody_back(&mut self) {
        for at in 0..2 {
            if !self.alive[at] {
                self.kill_or_revive(at);
            }
        }
    }

    /// Ends the reading.
    ///
    /// # Panics
    /// When something was read that must not be.
    pub(crate) fn stop(&mut self) -> Read {
        self.state.stop.store(true, Ordering::SeqCst);
        for reader in self.readers.drain(..) {
            let read = reader.join().expect("a reader does not panic");
            read.unwrap_or_else(|why| panic!("{why}"));
        }
        let State {
            read, from_cache, ..
        } = &*self.state;
        let [whole, from_cache] = [read, from_cache].map(|count| count.load(Ordering::SeqCst));
        Read { whole, from_cache }
    }
}

/// What a page has at a version: its number, its version, bytes that follow from these, and a sum over all.
fn page(number: usize, version: u64) -> String {
    let mut text = format!("{number} {version} ");
    let len = 200 + number * 5_000 + (version % 7) as usize * 100;
    let word = format!("{number}.{version}/");
    while text.len() < len {
        text += &word;
    }
    let sum = sum(&text);
    format!("{text} {sum:016x}")
}

fn sum(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

fn serve(visit: &mut Visit, state: &State) -> std::io::Result<()> {
    while let Some(request) = visit.request()? {
        let number = request
            .target
            .rsplit('/')
            .next()
            .and_then(|number| number.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < PAGES) else {
            visit.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        };
        let version = state.now[number].load(Ordering::SeqCst);
        let body = page(number, version);
        let (length, age) = (body.len(), if number.is_multiple_of(2) { 600 } else { 1 });
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age={age}\r\nCache-Tag: shelf, page-{number}\r\nETag: \"{version}\"\r\nContent-Length: {length}\r\n\r\n{body}"
        ))?;
    }
    Ok(())
}

/// Reads pages, one after another, until it is told to stop.
fn read(address: SocketAddr, seed: u64, state: &State) -> Result<(), String> {
    let mut client = None;
    let mut number = seed as usize;
    while !state.stop.load(Ordering::SeqCst) {
        number = (number * 7 + seed as usize) % 101;
        let page = number % PAGES;
        let least = state.least[page].load(Ordering::SeqCst);
        let mut asking: Client = match client.take() {
            Some(client) => client,
            None => match Client::try_connect(address) {
                Ok(client) => client,
                Err(_) => continue,
            },
        };
        let request = format!("GET /shelf/{page} HTTP/1.1\r\nHost: test.example\r\n\r\n");
        let heard = asking.try_says(request).is_ok().then(|| asking.try_hears());
        // That no answer is cut is for the other load to see: here servers die with nobody in their place.
        let Some(Ok(answer)) = heard else { continue };
        match answer.status {
            200 => judge(page, least, &answer.text())?,
            502..=504 => {}
            status => return Err(format!("page {page}: {status}")),
        }
        if answer.status == 200 {
            state.read.fetch_add(1, Ordering::SeqCst);
            let hit = answer.field("x-cache") == Some("HIT");
            state.from_cache.fetch_add(u64::from(hit), Ordering::SeqCst);
        }
        if !answer.closes() {
            client = Some(asking);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn judge(page: usize, least: u64, text: &str) -> Result<(), String> {
    let shown = text.get(..text.len().min(40)).unwrap_or_default();
    let (body, told) = text.rsplit_once(' ').unwrap_or_default();
    if u64::from_str_radix(told, 16) != Ok(sum(body)) {
        return Err(format!(
            "page {page} is mixed: {} bytes, {shown}",
            text.len()
        ));
    }
    let mut words = body.split(' ').map(str::parse);
    let (number, version) = (words.next(), words.next());
    if number != Some(Ok(page as u64)) {
        return Err(format!("page {page} is another: {shown}"));
    }
    match version {
        Some(Ok(version)) if version >= least => Ok(()),
        _ => Err(format!(
            "page {page} was purged up to version {least}: {shown}"
        )),
    }
}
