//! Which entries go so that others may come.
//!
//! A newcomer waits in a short queue, and goes at its end unless it was used. Then, or if it was missed before so that it
//! would be no newcomer had it stayed, it waits in the long one, where each use spares it one turn. So what is asked for
//! once passes by what is asked for again and again.

use super::entry::{MOST_ENTRIES, Stage, State};
use super::misses::LEAST_WORDS;
use super::stored::{Key, Stored};
use super::table::Table;
use super::{Gone, Store};

/// The part of the limit that newcomers have, as a divisor.
const PROBATION: usize = 10;

/// Entries that are spared before one goes all the same, so that no insert waits for long.
const MOST_SPARED: usize = 256;

/// Bytes that an empty store's tables may come to take with the first entry, but for the entries themselves.
const LEAST_TABLES: usize = 1024 + LEAST_WORDS * size_of::<u64>();

impl<V: Stored> Store<V> {
    /// Evicts until so many bytes more may be held.
    pub(super) fn make_room(&mut self, content: usize) {
        while self.is_full(content) && self.evict() {}
        if self.is_full(content) {
            // Nothing is stored, so nothing waits to be held against a purge.
            self.purges.forget(self.purges.count());
            self.table.forget_groups();
            self.shrink();
        }
    }

    fn is_full(&self, content: usize) -> bool {
        self.bytes().saturating_add(content) > self.limit || self.table.len() >= MOST_ENTRIES
    }

    /// Takes out the entry whose turn it is; false if there is none.
    fn evict(&mut self) -> bool {
        let mut spared = 0;
        loop {
            let newcomers = self.table.bytes_in(Stage::Probation);
            let stage = match self.table.first(Stage::Main) {
                Some(_) if newcomers <= self.limit / PROBATION => Stage::Main,
                _ => Stage::Probation,
            };
            let Some(at) = self.table.first(stage) else {
                return false;
            };
            let dead = self.state(at) == State::Dead;
            let entry = self.table.entry_mut(at);
            if dead || entry.hits == 0 || spared == MOST_SPARED {
                self.take(at, Gone::Evicted);
                return true;
            }
            entry.hits = match stage {
                Stage::Probation => 0,
                Stage::Main => entry.hits - 1,
            };
            self.table.requeue(at, Stage::Main);
            spared += 1;
        }
    }

    /// Where a response begins that takes no other's place.
    pub(super) fn first_stage(&self, key: Key<'_>) -> Stage {
        // The miss that it was asked for is one of them.
        match self.misses.count(key.hash) {
            0 | 1 => Stage::Probation,
            _ => Stage::Main,
        }
    }

    /// Bytes that the store may come to hold beside the content of a single entry, with what tables grow by for that one.
    pub(super) fn least_overhead(&self) -> usize {
        let tables = self.table.overhead() + self.misses.bytes() + self.purges.bytes();
        2 * tables + Table::<V>::least_bytes() + LEAST_TABLES
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Purge, Refused};
    use super::*;

    struct Sized(usize);

    impl Stored for Sized {
        fn weight(&self) -> usize {
            self.0
        }
        fn generation(&self) -> u64 {
            0
        }
        fn tags(&self) -> &[u64] {
            &[]
        }
        fn group(&self) -> u64 {
            0
        }
    }

    fn run<T>(number: u64, run: impl FnOnce(Key<'_>) -> T) -> T {
        run(Key {
            hash: (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            bytes: &number.to_le_bytes(),
        })
    }

    fn insert(store: &mut Store<Sized>, number: u64, weight: usize) -> Result<(), Refused> {
        run(number, |key| store.insert(key, Sized(weight), |_| true))
    }

    fn finds(store: &mut Store<Sized>, number: u64) -> bool {
        run(number, |key| store.find(key, |_| true).is_some())
    }

    #[test]
    fn what_is_asked_for_once_passes_by() {
        let mut store = Store::new(1 << 20);
        for number in 0..200 {
            assert_eq!(insert(&mut store, number, 1000), Ok(()));
            assert!(finds(&mut store, number));
        }
        for number in 1000..50_000 {
            assert_eq!(insert(&mut store, number, 1000), Ok(()));
        }
        assert!((0..200).all(|number| finds(&mut store, number)));
        assert!(store.stats().evictions > 40_000);
    }

    #[test]
    fn one_that_takes_most_of_it_stays_until_another_comes() {
        let mut store = Store::new(100_000);
        assert_eq!(insert(&mut store, 1, 80_000), Ok(()));
        assert!(finds(&mut store, 1));
        assert_eq!(insert(&mut store, 2, 80_000), Ok(()));
        assert!(!finds(&mut store, 1) && finds(&mut store, 2));
        assert_eq!(store.stats().evictions, 1);
    }

    #[test]
    fn what_is_purged_is_not_spared() {
        let mut store = Store::new(50_000);
        (0..4).for_each(|number| assert_eq!(insert(&mut store, number, 8000), Ok(())));
        assert!((0..4).all(|number| (0..3).all(|_| finds(&mut store, number))));
        store.purge_all(1, Purge::Hard);
        store.set_limit(20_000);
        let stats = store.stats();
        assert_eq!((stats.entries, stats.purged, stats.evictions), (1, 3, 0));
    }
}
