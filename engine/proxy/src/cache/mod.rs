//! The cache as one core has it.
//!
//! Every core has a store of its own and answers hits from it alone. Each key has one core for its *home*, where all that
//! miss it elsewhere ask first: the home hands over what it has stored, or lets one request go to the origin and has the
//! others wait for what that one brings. What is stored is shared, not copied.
//!
//! | module | holds |
//! |---|---|
//! | `desk` | who fetches what, at home |
//! | `claim` | the leave to fetch for all |
//! | `asked` | what an exchange wants of the cache, and what is reported of it |

mod asked;
mod claim;
mod desk;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Poll, Waker};

use ringfence_cache::{Head, Key, KeyParts, Object, Purge, REALM, RequestControl, Store, Verdict};
use ringfence_config::{KeyRules, Plan};
use ringfence_http::RequestHead;
use ringfence_io::now;

pub(crate) use self::asked::{Asked, Fill, Old, Outcome as Served, Recording, Report};
pub(crate) use self::claim::Claim;
use self::desk::{Desk, Turn};
use crate::house::{House, Order};
use crate::note::{
    Answer, Asker, CacheNote, FlightKey, Note, Outcome, Purged, SharedKey, Url, Wish,
};
use crate::tags::{counted, counts_apart};

/// Entries that one look over the store goes on by.
const SWEPT: usize = 4 << 10;

/// Seconds after which a stale response is not kept for an origin that may fail or may say that it still holds.
const SPENT: u64 = 30 * 86_400;

/// Of what the store may hold, one part in so many is what may be under way to it beside that.
const RECORDED: usize = 4;

/// The cache of one core.
pub(crate) struct Cache {
    index: usize,
    pub(crate) house: Arc<House>,
    pub(crate) store: RefCell<Store<Arc<Object>>>,
    /// Room for the key of the request that is looked up, and for what selects a response.
    pub(crate) room: RefCell<(Vec<u8>, Vec<u8>)>,
    desk: RefCell<Desk>,
    /// Requests of this core that wait for a home's answer, by their tickets.
    waiting: RefCell<HashMap<u64, Waiting>>,
    next_ticket: Cell<u64>,
    /// Purges that this core has carried out.
    purged: Cell<u64>,
    /// Those that wait until it has carried out all.
    behind: RefCell<Vec<Waker>>,
    /// Keys that are asked for again in the background, by their hashes.
    pub(crate) refreshes: RefCell<HashSet<u64>>,
    /// Bytes of responses that are being recorded.
    aside: Cell<usize>,
    /// What counts of URLs on the plan's routes, where that is not all.
    counted: RefCell<Vec<KeyRules>>,
}

#[derive(Default)]
struct Waiting {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Cache {
    /// An empty one, which may hold nothing before a plan says so.
    pub(crate) fn new(index: usize, house: Arc<House>) -> Rc<Self> {
        Rc::new(Self {
            index,
            house,
            store: RefCell::new(Store::new(0)),
            room: RefCell::default(),
            desk: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            purged: Cell::new(0),
            behind: RefCell::default(),
            refreshes: RefCell::default(),
            aside: Cell::new(0),
            counted: RefCell::default(),
        })
    }

    /// The hash of a key, a tag or the like, which no client can foresee.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.house.hash(bytes)
    }

    /// The process's count of purges.
    pub(crate) fn generation(&self) -> u64 {
        self.house.purges.load(Ordering::SeqCst)
    }

    /// Waits until all purges have been carried out here that were ordered before.
    pub(crate) async fn catch_up(&self) {
        let wanted = self.generation();
        poll_fn(|cx| {
            if self.purged.get() >= wanted {
                return Poll::Ready(());
            }
            self.behind.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Has all cores answer no more with what `what` covers; this one at once.
    pub(crate) fn purge(&self, what: Purged, kind: Purge) {
        let tell = |worker, note| self.tell(worker, note);
        order_by(&self.house, [what].into(), kind, None, tell);
    }

    /// Asks the key's home.
    pub(crate) async fn ask(&self, key: &SharedKey, flight: &FlightKey, wish: Wish) -> Answer {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        self.waiting.borrow_mut().insert(ticket, Waiting::default());
        let _seat = Seat {
            cache: self,
            ticket,
            flight,
        };
        let asker = Asker {
            worker: self.index,
            ticket,
        };
        let note = Note::Ask {
            key: key.clone(),
            flight: flight.clone(),
            wish,
            asker,
        };
        self.tell(self.home(key.hash), note);
        poll_fn(|cx| {
            let mut waiting = self.waiting.borrow_mut();
            let seat = waiting.get_mut(&ticket).expect("seated until dropped");
            match seat.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    seat.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Stores an object here; false where it is not taken.
    pub(crate) fn keep(&self, key: &SharedKey, object: &Arc<Object>) -> bool {
        let replaces = |old: &Arc<Object>| old.is_for_same(object);
        let mut store = self.store.borrow_mut();
        store.insert(key.key(), object.clone(), replaces).is_ok()
    }

    /// How often a key was asked for of late, this time included.
    pub(crate) fn uses(&self, key: &SharedKey) -> u8 {
        self.store.borrow().uses(key.key())
    }

    /// Takes up a plan, under which it may hold so many bytes.
    pub(crate) fn adopt(&self, plan: &Plan, size: usize) {
        self.store.borrow_mut().set_limit(size);
        let mut counted = self.counted.borrow_mut();
        counted.clear();
        for rules in plan.routes.iter().filter_map(|route| route.cache.as_ref()) {
            if counts_apart(&rules.key) && !counted.contains(&rules.key) {
                counted.push(rules.key.clone());
            }
        }
    }

    /// Frees some of what is purged, or too old to be of use.
    pub(crate) fn sweep(&self) {
        let now = now().as_secs();
        let spent = |object: &Arc<Object>| {
            let late = object.freshness.staleness(now);
            late.is_some_and(|by| by > SPENT)
        };
        self.store.borrow_mut().sweep(SWEPT, spent);
    }

    /// Sets so many bytes aside for a response that is being recorded; nothing where too much is under way already.
    pub(crate) fn set_aside(self: &Rc<Self>, bytes: usize) -> Option<Aside> {
        let sum = self.aside.get().checked_add(bytes)?;
        let most = self.store.borrow().limit() / RECORDED;
        (sum <= most).then(|| {
            self.aside.set(sum);
            Aside {
                cache: self.clone(),
                bytes,
            }
        })
    }

    /// Stores an object that nobody was given leave to fetch, here and at its home; false where it is not taken.
    pub(crate) fn offer(&self, key: &SharedKey, object: &Arc<Object>) -> bool {
        let kept = self.keep(key, object);
        if kept {
            let stored = Outcome::Stored(key.clone(), object.clone());
            self.end(&FlightKey::of(key), stored);
        }
        kept
    }

    /// Has the home know what became of a fetch.
    fn end(&self, flight: &FlightKey, outcome: Outcome) {
        let note = Note::Ended {
            flight: flight.clone(),
            outcome,
        };
        self.tell(self.home(flight.home), note);
    }

    /// Whether this core is the key's home.
    pub(crate) fn is_home(&self, key: &SharedKey) -> bool {
        self.home(key.hash) == self.index
    }

    fn home(&self, hash: u64) -> usize {
        (hash % self.house.posts.len().max(1) as u64) as usize
    }

    fn tell(&self, worker: usize, note: Note) {
        if worker == self.index {
            self.obey(note);
        } else {
            self.house.posts[worker].post(Order::Cache(CacheNote(note)));
        }
    }

    /// Does what a note says.
    pub(crate) fn obey(&self, note: Note) {
        match note {
            Note::Ask {
                key,
                flight,
                wish,
                asker,
            } => self.advise(&key, &flight, wish, asker),
            Note::Answer {
                ticket,
                flight,
                answer,
            } => self.hand(ticket, &flight, answer),
            Note::Ended { flight, outcome } => self.land(&flight, outcome),
            Note::Replace { key, object } => {
                let held = self.store.borrow().variants(key.key()).next().is_some();
                if held {
                    self.keep(&key, &object);
                }
            }
            Note::Purge {
                what,
                generation,
                kind,
                done,
            } => {
                self.carry_out(&what, generation, kind);
                // Whoever asked may have stopped waiting.
                let _ = done.map(|done| done.send(()));
            }
        }
    }

    /// Tells a request whether it may go to the origin.
    fn advise(&self, key: &SharedKey, flight: &FlightKey, wish: Wish, asker: Asker) {
        if wish != Wish::Fetched && asker.worker != self.index {
            let mut have = self.stored(key.key());
            if !have.is_empty() {
                have.reverse();
                return self.answer(asker, flight, Answer::Have(have));
            }
        }
        if wish == Wish::Stored {
            return self.answer(asker, flight, Answer::Alone);
        }
        let turn = self.desk.borrow_mut().ask(flight, asker, now().as_secs());
        match turn {
            Turn::Lead => self.answer(asker, flight, Answer::Lead),
            Turn::Alone => self.answer(asker, flight, Answer::Alone),
            Turn::Wait => {}
        }
    }

    fn stored(&self, key: Key<'_>) -> Vec<Arc<Object>> {
        let store = self.store.borrow();
        let live = store.variants(key).filter(|found| !found.softly_purged);
        live.map(|found| found.value.clone()).collect()
    }

    fn answer(&self, asker: Asker, flight: &FlightKey, answer: Answer) {
        let note = Note::Answer {
            ticket: asker.ticket,
            flight: flight.clone(),
            answer,
        };
        self.tell(asker.worker, note);
    }

    /// Hands an answer to whoever waits for it. Where nobody does any more, another one may go to the origin.
    fn hand(&self, ticket: u64, flight: &FlightKey, answer: Answer) {
        let mut waiting = self.waiting.borrow_mut();
        let Some(seat) = waiting.get_mut(&ticket) else {
            drop(waiting);
            if matches!(answer, Answer::Lead) {
                self.end(flight, Outcome::Failed);
            }
            return;
        };
        seat.answer = Some(answer);
        let waker = seat.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends a fetch, at home.
    fn land(&self, flight: &FlightKey, outcome: Outcome) {
        match outcome {
            Outcome::Stored(key, object) => {
                self.desk.borrow_mut().forget_alone(flight);
                let had = self.store.borrow().variants(key.key()).next().is_some();
                self.keep(&key, &object);
                if had {
                    self.spread(&key, &object);
                }
                // What has to be validated for each request is of no use to those who wait.
                let plain = RequestControl::default();
                let lasts = object.judge(&plain, now().as_secs()) == Verdict::Fresh;
                let waiting = self.desk.borrow_mut().end(flight);
                for asker in waiting {
                    let answer = match lasts {
                        true => Answer::Have(vec![object.clone()]),
                        false => Answer::Alone,
                    };
                    self.answer(asker, flight, answer);
                }
            }
            Outcome::Alone(seconds) => {
                let now = now().as_secs();
                let mut desk = self.desk.borrow_mut();
                desk.remember_alone(flight, now + seconds, now);
                let waiting = desk.end(flight);
                drop(desk);
                for asker in waiting {
                    self.answer(asker, flight, Answer::Alone);
                }
            }
            Outcome::Failed => {
                let next = self.desk.borrow_mut().next(flight);
                if let Some(asker) = next {
                    self.answer(asker, flight, Answer::Lead);
                }
            }
        }
    }

    fn spread(&self, key: &SharedKey, object: &Arc<Object>) {
        for worker in (0..self.house.posts.len()).filter(|worker| *worker != self.index) {
            let (key, object) = (key.clone(), object.clone());
            self.tell(worker, Note::Replace { key, object });
        }
    }

    fn counted_tag(&self, url: &Url, rules: &KeyRules) -> u64 {
        let nothing = RequestHead::new();
        let parts = KeyParts {
            realm: 0,
            scheme: "http",
            host: &url.host,
            path: &url.path,
            query: url.query.as_deref(),
            head: Head {
                fields: &nothing.fields,
                bytes: b"",
            },
        };
        counted(&self.house, &parts, rules)
    }

    fn carry_out(&self, what: &[Purged], generation: u64, kind: Purge) {
        let mut store = self.store.borrow_mut();
        for part in what {
            match part {
                Purged::Tag(tag) => store.purge_tag(*tag, generation, kind),
                Purged::Counted(url) => {
                    for rules in &*self.counted.borrow() {
                        let tag = self.counted_tag(url, rules);
                        store.purge_tag(tag, generation, kind);
                    }
                }
                Purged::Urls(patterns) => {
                    store.purge_where(generation, kind, |key, _| {
                        let url = url(key);
                        patterns.iter().any(|pattern| pattern.matches(url))
                    });
                }
                Purged::All => store.purge_all(generation, kind),
            }
        }
        self.purged.set(self.purged.get() + 1);
        for waker in self.behind.take() {
            waker.wake();
        }
    }
}

/// Has every worker purge `what`, from a thread that is none of theirs. Each sends once it has done so.
pub(crate) fn order(house: &House, what: Arc<[Purged]>, kind: Purge) -> Receiver<()> {
    let (done, carried_out) = channel();
    let tell = |worker: usize, note| house.posts[worker].post(Order::Cache(CacheNote(note)));
    order_by(house, what, kind, Some(&done), tell);
    carried_out
}

/// Takes a number for a purge, and then tells all workers: whoever asks its cache after that waits for it.
fn order_by(
    house: &House,
    what: Arc<[Purged]>,
    kind: Purge,
    done: Option<&Sender<()>>,
    tell: impl Fn(usize, Note),
) {
    let generation = house.purges.fetch_add(1, Ordering::SeqCst) + 1;
    for worker in 0..house.posts.len() {
        let note = Note::Purge {
            what: what.clone(),
            generation,
            kind,
            done: done.cloned(),
        };
        tell(worker, note);
    }
}

/// The URL in a key.
fn url(key: &[u8]) -> &[u8] {
    let text = key.get(REALM..).unwrap_or_default();
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// A request that waits for an answer, for as long as this lives.
struct Seat<'a> {
    cache: &'a Cache,
    ticket: u64,
    flight: &'a FlightKey,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let left = self.cache.waiting.borrow_mut().remove(&self.ticket);
        if let Some(Answer::Lead) = left.and_then(|waiting| waiting.answer) {
            self.cache.end(self.flight, Outcome::Failed);
        }
    }
}

/// Bytes that are set aside for as long as this lives.
pub(crate) struct Aside {
    cache: Rc<Cache>,
    bytes: usize,
}

impl Aside {
    /// Sets some more aside; false where too much is under way.
    pub(crate) fn widen(&mut self, bytes: usize) -> bool {
        let Some(mut more) = self.cache.set_aside(bytes) else {
            return false;
        };
        self.bytes += std::mem::take(&mut more.bytes);
        true
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let aside = &self.cache.aside;
        aside.set(aside.get() - self.bytes);
    }
}
