//! What was purged, so that a purge need not look at what it covers.

use std::sync::Arc;

use hashbrown::HashTable;

use super::entry::State;
use super::marks::Marks;
use super::sought::Sought;
use super::stored::{Purge, Stored};
use crate::pattern::UrlPattern;

/// Tags of which the purge may be remembered, however few entries there are.
const LEAST_ROOM: usize = 4096;

/// Entries that make room for one more.
const ENTRIES_EACH: usize = 16;

/// The purges that stored responses have not all been held against yet, and a floor in the place of those before.
#[derive(Debug)]
pub(crate) struct Purges {
    tags: HashTable<Record>,
    sought: Sought,
    /// Responses with a lower generation are refused.
    floor: u64,
    /// Those with a lower generation are dead, and stale.
    all: Marks,
    /// Purges so far.
    count: u64,
}

/// A walk on which every entry is held against the purges, from the last entry to the first: what takes the place of one that
/// goes has been looked at already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Entries that are left to be looked at.
    pub(crate) left: usize,
    /// The count of purges when it began.
    pub(crate) purges: u64,
}

/// The last purges of a tag.
#[derive(Debug)]
struct Record {
    tag: u64,
    marks: Marks,
    /// Which purge the last of them was.
    number: u64,
}

impl Purges {
    pub(crate) fn new() -> Self {
        Self {
            tags: HashTable::new(),
            sought: Sought::new(),
            floor: 0,
            all: Marks::default(),
            count: 0,
        }
    }

    /// Purges so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.tags.allocation_size() + self.sought.bytes()
    }

    pub(crate) fn purge_tag(&mut self, tag: u64, generation: u64, kind: Purge) {
        self.count += 1;
        let found = self
            .tags
            .entry(tag, |record| record.tag == tag, |record| record.tag);
        let mut found = found.or_insert_with(|| Record {
            tag,
            marks: Marks::default(),
            number: 0,
        });
        let record = found.get_mut();
        record.marks.raise(generation, kind);
        record.number = self.count;
    }

    pub(crate) fn purge_all(&mut self, generation: u64, kind: Purge) {
        self.count += 1;
        self.all.raise(generation, kind);
        self.raise_floor(generation);
        if kind == Purge::Hard {
            // What they cover is dead by this one.
            let newer = |record: &mut Record| record.marks.highest() > generation;
            self.tags.retain(newer);
            self.sought.purged_all(generation);
            self.shrink();
        }
    }

    /// Purges all whose URL the pattern means, and says of how many of so many entries a sweep should look for it.
    pub(crate) fn purge_urls(
        &mut self,
        pattern: Arc<UrlPattern>,
        generation: u64,
        kind: Purge,
        entries: usize,
    ) -> usize {
        self.count += 1;
        self.sought
            .push(pattern, generation, kind, self.count, entries)
    }

    /// Whether there are purges of URLs that not all stored responses have been held against.
    pub(crate) fn seeks(&self) -> bool {
        self.sought.is_pending()
    }

    /// For how many looks one counts that holds an entry against the purges of URLs.
    pub(crate) fn burden(&self) -> usize {
        self.sought.burden()
    }

    /// Refuses what was asked for before this generation.
    pub(crate) fn raise_floor(&mut self, generation: u64) {
        self.floor = self.floor.max(generation);
    }

    /// What the purges that are known leave of a response with this key. It has been held against those of URLs up to the purge
    /// `since`.
    pub(crate) fn state(&self, key: &[u8], value: &impl Stored, since: u64) -> State {
        let sought = self.sought.state(key, value, since);
        sought.max(self.state_by_tags(value))
    }

    fn state_by_tags(&self, value: &impl Stored) -> State {
        let generation = value.generation();
        let all = self.all.state(generation);
        if self.tags.is_empty() {
            return all;
        }
        let by_tag = value.tags().iter().filter_map(|tag| {
            let record = self.tags.find(*tag, |record| record.tag == *tag)?;
            Some(record.marks.state(generation))
        });
        by_tag.fold(all, State::max)
    }

    /// Whether a response was asked for before a purge that covers it, or that might.
    pub(crate) fn refuses(&self, key: &[u8], value: &impl Stored) -> bool {
        value.generation() < self.floor || self.state(key, value, 0) != State::Sound
    }

    /// Of how many entries a sweep should look for each purge, so that there is room for the next; 0 while there is enough.
    pub(crate) fn sweep_due(&self, entries: usize) -> usize {
        let room = room(entries);
        if self.tags.len() <= room / 2 {
            return 0;
        }
        // A pass that is under way and a whole one are done before the other half is full.
        1 + entries / (room / 4)
    }

    /// Once all stored responses have been held against the purges up to this count: forgets the older of those where there
    /// are too many, and lets the floor cover what has yet to come. The last ones are kept, so that what is asked for while
    /// others are purged is not refused for that.
    pub(crate) fn swept(&mut self, count: u64, entries: usize) {
        let room = room(entries);
        if self.tags.len() > room / 2 {
            let older = self.count.saturating_sub(room as u64 / 4);
            self.forget_tags(count.min(older));
        }
        let below = self.sought.swept(count);
        self.raise_floor(below);
    }

    /// Forgets the purges up to this count, which no stored response is waiting for.
    pub(crate) fn forget(&mut self, count: u64) {
        self.forget_tags(count);
        let below = self.sought.forget(count, 0);
        self.raise_floor(below);
    }

    fn forget_tags(&mut self, count: u64) {
        let mut floor = self.floor;
        self.tags.retain(|record| {
            let keep = record.number > count;
            if !keep {
                floor = floor.max(record.marks.highest());
            }
            keep
        });
        self.floor = floor;
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.tags.len() <= self.tags.num_buckets() / 8 {
            self.tags.shrink_to_fit(|record| record.tag);
        }
    }
}

/// Tags of which the purge may be remembered.
fn room(entries: usize) -> usize {
    LEAST_ROOM.max(entries / ENTRIES_EACH)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Response(u64, [u64; 1]);

    impl Stored for Response {
        fn weight(&self) -> usize {
            0
        }
        fn generation(&self) -> u64 {
            self.0
        }
        fn tags(&self) -> &[u64] {
            &self.1
        }
        fn group(&self) -> u64 {
            0
        }
    }

    #[test]
    fn hard_outlasts_soft_and_newer_outlasts_older() {
        let mut purges = Purges::new();
        purges.purge_tag(1, 5, Purge::Hard);
        purges.purge_tag(1, 3, Purge::Hard);
        purges.purge_tag(1, 8, Purge::Soft);
        let state = |generation| purges.state(b"", &Response(generation, [1]), 0);
        let states = [4, 5, 7, 8].map(state);
        assert_eq!(
            states,
            [State::Dead, State::Stale, State::Stale, State::Sound]
        );
        assert_eq!(purges.state(b"", &Response(4, [2]), 0), State::Sound);
        purges.purge_all(9, Purge::Soft);
        assert_eq!(purges.state(b"", &Response(4, [1]), 0), State::Dead);
        assert_eq!(purges.state(b"", &Response(8, [2]), 0), State::Stale);
    }

    #[test]
    fn what_is_forgotten_is_refused_all_the_same() {
        let mut purges = Purges::new();
        for tag in 0..8000 {
            purges.purge_tag(tag, 10 + tag, Purge::Soft);
        }
        let late = Response(11, [7]);
        assert!(purges.refuses(b"", &late));
        let held = purges.bytes();
        purges.swept(7990, 0);
        assert!(purges.bytes() * 4 < held);
        assert!(purges.refuses(b"", &late) && purges.refuses(b"", &Response(11, [9000])));
        // The last quarter of the room is known still.
        let after = 10 + 8000 - LEAST_ROOM as u64 / 4;
        assert!(!purges.refuses(b"", &Response(after, [7])));
        assert!(purges.refuses(b"", &Response(after, [7995])));
    }
}
