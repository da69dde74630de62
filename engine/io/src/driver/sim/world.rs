//! The simulated world of one thread: its clock, its dice, what is under way in it, and a trace
//! of all that has happened.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use super::dice::mix;
use super::net::Net;
use super::weather::Weather;
use super::wire::Flight;
use crate::clock;

/// When a world begins, on its own clock.
const FIRST: u64 = 1_000_000_000;

/// Something that happens later: when, and which of those at the same moment.
pub(super) type Due = (u64, u64);

/// What happens.
pub(super) enum Event {
    /// A task has slept for long enough.
    Wake(Waker),
    /// Something arrives.
    Arrive(Flight),
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static WORLDS: RefCell<u64> = const { RefCell::new(0) };
}

/// One simulated world.
pub(crate) struct World {
    /// No two worlds of a thread share a number.
    number: u64,
    now: u64,
    events: BTreeMap<Due, Event>,
    next: u64,
    trace: u64,
    happened: u64,
    /// What arrives is told on standard error.
    pub(crate) tells: bool,
    pub(super) net: Net,
}

/// Begins a world on this thread.
///
/// # Panics
/// Where one is there already.
pub(crate) fn begin(seed: u64, weather: Weather) {
    let number = WORLDS.with_borrow_mut(|worlds| {
        *worlds += 1;
        *worlds
    });
    let world = World {
        number,
        now: FIRST,
        events: BTreeMap::new(),
        next: 0,
        trace: mix(seed),
        happened: 0,
        tells: false,
        net: Net::new(seed, weather),
    };
    clock::simulate(Some(FIRST));
    WORLD.with_borrow_mut(|place| {
        assert!(place.is_none(), "this thread simulates already");
        *place = Some(world);
    });
}

/// Ends this thread's world.
pub(crate) fn end() {
    let world = WORLD.take();
    drop(world);
    clock::simulate(None);
}

/// Does something with this thread's world, where there is one. A call of its own, so that whoever counts what a
/// core does can leave out what the world does for it.
#[inline(never)]
pub(crate) fn with<T>(work: impl FnOnce(&mut World) -> T) -> Option<T> {
    // At the end of a thread there may be none any more.
    WORLD
        .try_with(|world| world.borrow_mut().as_mut().map(work))
        .ok()?
}

/// As [`with`], where it is still the world of that number.
pub(super) fn within<T>(number: u64, work: impl FnOnce(&mut World) -> T) -> Option<T> {
    with(|world| (world.number == number).then(|| work(world)))?
}

impl World {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The time on this world's clock, in nanoseconds.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// A number that differs wherever anything has gone differently.
    pub(crate) fn trace(&self) -> u64 {
        self.trace
    }

    /// How much has happened.
    pub(crate) fn happened(&self) -> u64 {
        self.happened
    }

    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    pub(crate) fn net_mut(&mut self) -> &mut Net {
        &mut self.net
    }

    /// Notes something for the trace.
    pub(crate) fn note(&mut self, what: u64, more: u64) {
        self.happened += 1;
        self.trace = mix(self.trace ^ what.rotate_left(40) ^ more ^ self.now.rotate_left(20));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, nanos: u64) {
        self.now += nanos;
        clock::simulate(Some(self.now));
    }

    /// A place for something at a moment to come.
    pub(super) fn place(&mut self, at: u64) -> Due {
        self.next += 1;
        (at.max(self.now), self.next)
    }

    pub(super) fn set(&mut self, due: Due, event: Event) {
        self.events.insert(due, event);
    }

    pub(super) fn forget(&mut self, due: Due) -> Option<Event> {
        self.events.remove(&due)
    }

    /// Makes what the network has sent off happen later.
    pub(super) fn post(&mut self) {
        let mut sent = std::mem::take(&mut self.net.sent);
        for (at, flight) in sent.drain(..) {
            let due = self.place(at);
            self.set(due, Event::Arrive(flight));
        }
        self.net.sent = sent;
    }

    /// Lets the next thing happen that is due; with `wait`, lets time pass until then. False
    /// where there is none.
    pub(crate) fn happen(&mut self, wait: bool) -> bool {
        let Some(first) = self.events.first_entry() else {
            return false;
        };
        let (at, _) = *first.key();
        if at > self.now && !wait {
            return false;
        }
        let event = first.remove();
        if at > self.now {
            self.pass(at - self.now);
        }
        match event {
            Event::Wake(waker) => {
                self.note(1, 0);
                waker.wake();
            }
            Event::Arrive(flight) => {
                self.note(2, flight.mark());
                if self.tells {
                    eprintln!("{:?} {flight:?}", clock::now());
                }
                self.net.arrive(self.now, flight);
                self.post();
            }
        }
        true
    }
}

/// The clock as the facade has it.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
