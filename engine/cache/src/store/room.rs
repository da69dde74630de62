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
const MOST_SPARED: usize = 64;

/// Bytes that an empty store's tables may come to take with the first entry, but for the entries themselves.
const LEAST_TABLES: usize = 1024 + LEAST_WORDS * size_of::<u64>();

impl<V: Stored> Store<V> {
    /// Evicts until so many bytes more may be held.
    pub(super) fn make_room(&mut self, content: usize) {
        while self.is_full(content) && self.evict() {}
        if self.is_full(content) {
            // Nothing is stored, so nothing waits to be held against a purge.
            self.purges.forget(self.purges.count());
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
            let entry = self.table.entry_mut(at);
            if entry.state == State::Dead || entry.hits == 0 || spared == MOST_SPARED {
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
