//! What this core counts about itself.

use std::cell::Cell;

thread_local! {
    static COUNTERS: Counters = const { Counters::new() };
}

/// Cells rather than atomics: each core counts its own and no other thread looks.
pub(crate) struct Counters {
    pub(crate) tasks: Cell<u64>,
    pub(crate) streams: Cell<u64>,
    pub(crate) leases: Cell<u64>,
    pub(crate) pipes: Cell<u64>,
    pub(crate) panics: Cell<u64>,
    pub(crate) backoffs: Cell<u64>,
    pub(crate) shed: Cell<u64>,
    pub(crate) overflows: Cell<u64>,
    pub(crate) starved: Cell<u64>,
    pub(crate) moved: Cell<u64>,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Cell::new(0),
            streams: Cell::new(0),
            leases: Cell::new(0),
            pipes: Cell::new(0),
            panics: Cell::new(0),
            backoffs: Cell::new(0),
            shed: Cell::new(0),
            overflows: Cell::new(0),
            starved: Cell::new(0),
            moved: Cell::new(0),
        }
    }

    fn all(&self) -> [&Cell<u64>; 10] {
        [
            &self.tasks,
            &self.streams,
            &self.leases,
            &self.pipes,
            &self.panics,
            &self.backoffs,
            &self.shed,
            &self.overflows,
            &self.starved,
            &self.moved,
        ]
    }
}

/// Exchanges the counts with those of another core, which takes its turn on this thread.
pub(crate) fn swap(other: &Counters) {
    COUNTERS.with(|own| {
        for (own, other) in own.all().into_iter().zip(other.all()) {
            own.swap(other);
        }
    });
}

/// Reads one counter.
pub(crate) fn get(which: impl FnOnce(&Counters) -> &Cell<u64>) -> u64 {
    COUNTERS.with(|counters| which(counters).get())
}

/// Adds one.
pub(crate) fn up(which: impl FnOnce(&Counters) -> &Cell<u64>) {
    add(which, 1);
}

/// Adds `n`.
pub(crate) fn add(which: impl FnOnce(&Counters) -> &Cell<u64>, n: u64) {
    COUNTERS.with(|counters| {
        let cell = which(counters);
        cell.set(cell.get() + n);
    });
}

/// Takes one away.
pub(crate) fn down(which: impl FnOnce(&Counters) -> &Cell<u64>) {
    COUNTERS.with(|counters| {
        let cell = which(counters);
        debug_assert!(cell.get() > 0, "more ended than began");
        cell.set(cell.get() - 1);
    });
}
