//! Entries in the order in which they came.

use super::dense::Dense;
use super::entry::{Entry, NONE};
use super::stored::Stored;

/// Entries that wait for their turn to be evicted, linked through themselves.
#[derive(Debug)]
pub(crate) struct Queue {
    first: u32,
    last: u32,
    bytes: usize,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self {
            first: NONE,
            last: NONE,
            bytes: 0,
        }
    }

    /// The entry whose turn is next.
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Bytes that go with the entries in it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push<V: Stored>(&mut self, entries: &mut Dense<Entry<V>>, at: u32) {
        let last = std::mem::replace(&mut self.last, at);
        match last {
            NONE => self.first = at,
            last => entries[last].behind = at,
        }
        let entry = &mut entries[at];
        (entry.ahead, entry.behind) = (last, NONE);
        self.bytes += entry.bytes();
    }

    pub(crate) fn remove<V: Stored>(&mut self, entries: &mut Dense<Entry<V>>, at: u32) {
        let entry = &entries[at];
        let (ahead, behind) = (entry.ahead, entry.behind);
        self.bytes -= entry.bytes();
        self.link(entries, ahead, behind, behind, ahead);
    }

    /// Takes note that an entry in it that had so many bytes has others now.
    pub(crate) fn reweigh<V: Stored>(&mut self, entry: &Entry<V>, before: usize) {
        self.bytes = self.bytes - before + entry.bytes();
    }

    /// Has the neighbours of an entry know that it lies at `at` now.
    pub(crate) fn relocate<V>(&mut self, entries: &mut Dense<Entry<V>>, at: u32) {
        let entry = &entries[at];
        let (ahead, behind) = (entry.ahead, entry.behind);
        self.link(entries, ahead, behind, at, at);
    }

    /// Tells the neighbours on both sides who is `next` to the one ahead, and who is `previous` to the one behind.
    fn link<V>(
        &mut self,
        entries: &mut Dense<Entry<V>>,
        ahead: u32,
        behind: u32,
        next: u32,
        previous: u32,
    ) {
        match ahead {
            NONE => self.first = next,
            ahead => entries[ahead].behind = next,
        }
        match behind {
            NONE => self.last = previous,
            behind => entries[behind].ahead = previous,
        }
    }
}
