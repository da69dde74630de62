//! One stored response among the others.

use super::stored::Stored;

/// No entry: what a link says that leads nowhere.
pub(crate) const NONE: u32 = u32::MAX;

/// Entries that there may be.
pub(crate) const MOST_ENTRIES: usize = NONE as usize - 1;

/// Uses that count: more say nothing about whether it will be used again.
const MOST_HITS: u8 = 3;

/// What purges have left of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It is as it came.
    Sound,
    /// It is stale.
    Stale,
    /// It is gone, but for the memory.
    Dead,
}

/// Which queue an entry waits in for its turn to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// That of newcomers.
    Probation,
    /// That of those which were asked for again.
    Main,
}

/// A stored response, its key and its links. A hit reads it and little else, so it has one line of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Entry<V> {
    pub(crate) key: Box<[u8]>,
    pub(crate) value: V,
    /// What the value says it weighs, as it said when it came.
    pub(crate) weight: usize,
    /// The count of purges up to which `state` is right.
    pub(crate) checked: u64,
    /// A part of the key's hash.
    pub(crate) hash: u32,
    /// The neighbours in the queue.
    pub(crate) ahead: u32,
    pub(crate) behind: u32,
    /// The neighbours among the variants of the key.
    pub(crate) newer: u32,
    pub(crate) older: u32,
    pub(crate) hits: u8,
    pub(crate) stage: Stage,
    pub(crate) state: State,
}

impl<V: Stored> Entry<V> {
    /// Bytes of memory that go with it: its own, its key's and its value's.
    pub(crate) fn bytes(&self) -> usize {
        self.content() + size_of::<Self>()
    }

    /// Bytes that its key and value have allocated.
    pub(crate) fn content(&self) -> usize {
        self.weight + self.key.len()
    }

    /// Counts a use. Most are of entries that have enough, and those are only read.
    pub(crate) fn hit(&mut self) {
        if self.hits < MOST_HITS {
            self.hits += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_line_of_the_cache() {
        assert_eq!(size_of::<Entry<Box<u8>>>(), 64);
    }
}
