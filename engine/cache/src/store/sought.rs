//! Purges of all whose URL a pattern means, remembered so that none has to look for what it covers.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::State;
use super::marks::Marks;
use super::stored::{Purge, Stored};
use crate::key::url_of;
use crate::pattern::UrlPattern;

/// Bytes that they may come to take, more or less.
const ROOM: usize = 64 << 10;

/// Patterns that an entry is held against in the time in which it is looked at.
const LOOK: usize = 8;

/// The purges of patterns that are known, the last one at the end.
#[derive(Debug)]
pub(crate) struct Sought {
    records: VecDeque<Record>,
    /// Bytes of their patterns.
    content: usize,
    /// No purge of them covers a response with this generation.
    latest: u64,
    /// The purge up to which all stored responses have been held against them.
    seen: u64,
}

#[derive(Debug)]
struct Record {
    pattern: Arc<UrlPattern>,
    marks: Marks,
    /// Which purge it was.
    number: u64,
}

impl Sought {
    pub(crate) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            content: 0,
            latest: 0,
            seen: 0,
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.content + self.records.capacity() * size_of::<Record>()
    }

    /// Remembers a purge, and says of how many of so many entries a sweep should look for it, so that there is room for the
    /// next; 0 while there is enough.
    pub(crate) fn push(
        &mut self,
        pattern: Arc<UrlPattern>,
        generation: u64,
        kind: Purge,
        number: u64,
        entries: usize,
    ) -> usize {
        let mut marks = Marks::default();
        marks.raise(generation, kind);
        let bytes = pattern.weight() + size_of::<Record>();
        self.content += pattern.weight();
        self.latest = self.latest.max(generation);
        self.records.push_back(Record {
            pattern,
            marks,
            number,
        });
        if self.bytes() <= ROOM / 2 {
            return 0;
        }
        // A pass that is under way and a whole one are done before the other half is full.
        entries.saturating_mul(bytes) / (ROOM / 4) + 1
    }

    /// What they leave of a response with this key that has been held against the purges up to `since`.
    pub(crate) fn state(&self, key: &[u8], value: &impl Stored, since: u64) -> State {
        let generation = value.generation();
        if generation >= self.latest {
            return State::Sound;
        }
        let url = url_of(key);
        let newer = self.records.iter().rev();
        newer
            .take_while(|record| record.number > since)
            .filter(|record| generation < record.marks.highest() && record.pattern.matches(url))
            .map(|record| record.marks.state(generation))
            .max()
            .unwrap_or(State::Sound)
    }

    /// Whether there are any that not all stored responses have been held against.
    pub(crate) fn is_pending(&self) -> bool {
        self.records
            .back()
            .is_some_and(|last| last.number > self.seen)
    }

    /// For how many looks one counts that holds an entry against those that not all have been held against.
    pub(crate) fn burden(&self) -> usize {
        let newer = self.records.iter().rev();
        let pending = newer.take_while(|record| record.number > self.seen);
        1 + pending.count() / LOOK
    }

    /// Forgets those that a hard purge of everything covers.
    pub(crate) fn purged_all(&mut self, generation: u64) {
        self.retain(|record| record.marks.highest() > generation);
    }

    /// Once all stored responses have been held against the purges up to this one: forgets the older of those where there are
    /// too many. Gives the generation below which they may have covered what has yet to come.
    pub(crate) fn swept(&mut self, number: u64) -> u64 {
        self.seen = self.seen.max(number);
        match self.bytes() > ROOM / 2 {
            true => self.forget(number, ROOM / 4),
            false => 0,
        }
    }

    /// Forgets those up to this purge, which no stored response is waiting for, but for the last ones that take no more than so
    /// many bytes. Gives the generation below which they may have covered what has yet to come.
    pub(crate) fn forget(&mut self, number: u64, at_most: usize) -> u64 {
        let mut bytes = self.content + self.records.len() * size_of::<Record>();
        let mut floor = 0;
        self.retain(|record| {
            if record.number > number || bytes <= at_most {
                return true;
            }
            bytes -= record.pattern.weight() + size_of::<Record>();
            floor = floor.max(record.marks.highest());
            false
        });
        floor
    }

    fn retain(&mut self, keep: impl FnMut(&Record) -> bool) {
        self.records.retain(keep);
        self.content = self.records.iter().map(|one| one.pattern.weight()).sum();
        let generations = self.records.iter().map(|record| record.marks.highest());
        self.latest = generations.max().unwrap_or(0);
        if self.records.len() <= self.records.capacity() / 4 {
            self.records.shrink_to_fit();
        }
    }
}
