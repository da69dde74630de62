//! The cache as one core has it.
//!
//! Every core has a store of its own and answers hits from it alone. Each key has one core for its *home*, where all that
//! miss it elsewhere ask first: the home hands over what it has stored, or lets one request go to the origin and has the
//! others wait for what that one brings. What is stored is shared, not copied.
//!
//! | module | holds |
//! |---|---|
//! | `ask` | asking a home, and what it says |
//! | `seat`, `waiting` | a request that waits for that |
//! | `home` | what a home tells those that ask |
//! | `desk` | who fetches what, at home |
//! | `claim` | the leave to fetch for all |
//! | `forms`, `workbench` | coded forms of what is stored, and those that are being made |
//! | `broadcast` | what comes for several, from the core that receives it to all that want it |
//! | `flight` | the same, as one core has it and its clients read it |
//! | `filling` | the memory that its body takes |
//! | `purges` | how purges reach all cores |
//! | `aside` | memory of what is under way to the store |
//! | `asked` | what an exchange wants of the cache, and what is reported of it |

mod aside;
mod ask;
mod asked;
mod broadcast;
mod claim;
mod desk;
mod filling;
mod flight;
mod forms;
mod home;
mod purges;
#[cfg(test)]
pub(crate) mod sample;
mod seat;
mod waiting;
mod workbench;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use ringfence_cache::{Object, Store};
use ringfence_config::{KeyRules, Plan};
use ringfence_io::now;
use ringfence_telemetry::WorkerStats;

pub(crate) use self::aside::{Aside, Margin};
pub(crate) use self::ask::Reply;
pub(crate) use self::asked::{Asked, Fill, Old, Outcome as Served, Recording, Report};
pub(crate) use self::broadcast::Broadcast;
pub(crate) use self::claim::Claim;
use self::desk::Desk;
pub(crate) use self::desk::Turn;
pub(crate) use self::filling::Filling;
pub(crate) use self::flight::{Flight, Portion, Reader};
pub(crate) use self::purges::order;
use self::waiting::Waiting;
use self::workbench::Workbench;
use crate::house::{House, Order};
use crate::note::{Asker, CacheNote, FlightKey, Note, Outcome, SharedKey, Way};
use crate::tag::counts_apart;

/// Entries that one look over the store goes on by.
const SWEPT: usize = 4 << 10;

/// Seconds after which a stale response is not kept for an origin that may fail or may say that it still holds.
const SPENT: u64 = 30 * 86_400;

/// The cache of one core.
pub(crate) struct Cache {
    index: usize,
    pub(crate) house: Arc<House>,
    pub(crate) store: RefCell<Store<Arc<Object>>>,
    /// Room for the key of the request that is looked up, and for what selects a response.
    pub(crate) room: RefCell<(Vec<u8>, Vec<u8>)>,
    desk: RefCell<Desk>,
    /// Responses that come for several, and that clients of this core, or other cores, may want.
    flights: RefCell<HashMap<Asker, Rc<Flight>>>,
    /// Requests of this core that wait for a home's answer, or fetch because of one, by their tickets.
    waiting: RefCell<HashMap<u64, Waiting>>,
    next_ticket: Cell<u64>,
    /// Purges that this core has carried out.
    purged: Cell<u64>,
    /// What purges of URLs cover is being cleared away.
    clears_away: Cell<bool>,
    /// Those that wait until it has carried out all.
    behind: RefCell<Vec<Waker>>,
    /// Keys that are asked for again in the background, by their hashes.
    pub(crate) refreshes: RefCell<HashSet<u64>>,
    /// What is being recorded.
    pub(crate) margin: Rc<Margin>,
    /// What counts of URLs on the plan's routes, where that is not all.
    counted: RefCell<Vec<KeyRules>>,
    workbench: Workbench,
    /// Itself, for what goes on in the background.
    own: Weak<Self>,
}

impl Cache {
    /// An empty one, which may hold nothing before a plan says so.
    pub(crate) fn new(index: usize, house: Arc<House>, stats: Arc<WorkerStats>) -> Rc<Self> {
        Rc::new_cyclic(|own| Self {
            index,
            house,
            store: RefCell::new(Store::new(0)),
            room: RefCell::default(),
            desk: RefCell::default(),
            flights: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            purged: Cell::new(0),
            clears_away: Cell::new(false),
            behind: RefCell::default(),
            refreshes: RefCell::default(),
            margin: Rc::default(),
            counted: RefCell::default(),
            workbench: Workbench::new(stats),
            own: own.clone(),
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

    /// Stores an object here, unless one for the same requests is that outdates it. Gives the one that is stored; nothing where
    /// it is not taken.
    pub(crate) fn keep(&self, key: &SharedKey, object: &Arc<Object>) -> Option<Arc<Object>> {
        let replaces = |old: &Arc<Object>| old.is_for_same(object);
        let mut store = self.store.borrow_mut();
        let newer = store.variants(key.key()).find(|found| {
            replaces(found.value) && !found.softly_purged && found.value.outdates(object)
        });
        if let Some(newer) = newer {
            return Some(newer.value.clone());
        }
        let taken = store.insert(key.key(), object.clone(), replaces);
        taken.is_ok().then(|| object.clone())
    }

    /// How often a key was asked for of late, this time included.
    pub(crate) fn uses(&self, key: &SharedKey) -> u8 {
        self.store.borrow().uses(key.key())
    }

    /// Takes up a plan, under which it may hold so many bytes.
    pub(crate) fn adopt(&self, plan: &Plan, size: usize) {
        self.store.borrow_mut().set_limit(size);
        self.margin.set_limit(size);
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
        self.sweep_some(SWEPT);
        self.workbench.forget();
    }

    fn sweep_some(&self, entries: usize) {
        let now = now().as_secs();
        let spent = |object: &Arc<Object>| {
            let late = object.freshness.staleness(now);
            late.is_some_and(|by| by > SPENT)
        };
        self.store.borrow_mut().sweep(entries, spent);
    }

    /// Stores an object that nobody was given leave to fetch, here and at its home; false where it is not taken.
    pub(crate) fn offer(&self, key: &SharedKey, object: &Arc<Object>) -> bool {
        let kept = self.keep(key, object);
        let is_kept = kept.is_some();
        if let Some(kept) = kept {
            let stored = Outcome::Stored(key.clone(), kept);
            self.end(&FlightKey::of(key), None, stored);
        }
        is_kept
    }

    /// Has the home know what became of a fetch.
    fn end(&self, flight: &FlightKey, by: Option<Asker>, outcome: Outcome) {
        let note = Note::Ended {
            flight: flight.clone(),
            by,
            outcome,
        };
        self.tell(self.home(flight.home), note);
    }

    /// Whether this core is the key's home.
    pub(crate) fn is_home(&self, key: &SharedKey) -> bool {
        self.home(key.hash) == self.index
    }

    /// What a request may do that asks its key's home, if that is this core.
    pub(crate) fn turn(&self, flight: &FlightKey) -> Turn {
        self.desk
            .borrow()
            .turn(flight, Way::Streamed, now().as_secs())
    }

    /// The core that is the home of keys with this hash.
    pub(crate) fn home(&self, hash: u64) -> usize {
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
                way,
                asker,
            } => self.advise(&key, &flight, (wish, way), asker),
            Note::Answer {
                ticket,
                flight,
                answer,
            } => self.hand(ticket, &flight, answer),
            Note::Ended {
                flight,
                by,
                outcome,
            } => self.land(&flight, by, outcome),
            Note::Followed { flight, leader } => self.follow(&flight, leader),
            Note::Begun {
                flight,
                leader,
                head,
                announced,
                so_far,
                from,
            } => self.hear_of(&flight, leader, head, (announced, so_far), from),
            Note::More { leader, news, from } => self.hear_more(leader, news, from),
            Note::Took { leader, by } => self.go_on(leader, by),
            Note::Read { leader, by, until } => self.hear_read(leader, by, until),
            Note::Hasten {
                leader,
                until,
                others,
            } => self.hear_haste(leader, until, others),
            Note::Over {
                leader,
                so_far,
                end,
            } => self.hear_end(leader, so_far, end),
            Note::Replace { key, object } => self.replace(&key, &object),
            Note::Code {
                key,
                object,
                coding,
                asker,
            } => {
                if let Some(own) = self.own.upgrade() {
                    own.code(key, object, coding, asker);
                }
            }
            Note::Coded { key, coded } => self.put_coded(&key, &coded),
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

    fn replace(&self, key: &SharedKey, object: &Arc<Object>) {
        let held = self.store.borrow().variants(key.key()).next().is_some();
        if held {
            self.keep(key, object);
        }
    }
}
