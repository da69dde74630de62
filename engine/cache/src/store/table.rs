//! Entries, by their keys and in their queues.

use hashbrown::HashTable;

use super::dense::Dense;
use super::entry::{Entry, NONE, Stage};
use super::groups::Groups;
use super::queue::Queue;
use super::stored::{Holdings, Key, Stored};

/// The entries of a store. Each is known by its place, which changes when another is taken out: the last one then takes the
/// place that is free.
#[derive(Debug)]
pub(crate) struct Table<V> {
    /// The newest entry of each key.
    index: HashTable<Newest>,
    entries: Dense<Entry<V>>,
    probation: Queue,
    main: Queue,
    /// Bytes that keys and values have allocated.
    content: usize,
    groups: Groups,
}

/// Where the newest entry of a key is.
#[derive(Debug)]
struct Newest {
    /// A part of the key's hash, so that neither growth nor, mostly, a look at the wrong one needs the entry.
    hash: u32,
    at: u32,
}

impl<V: Stored> Table<V> {
    pub(crate) fn new() -> Self {
        Self {
            index: HashTable::new(),
            entries: Dense::new(),
            probation: Queue::new(),
            main: Queue::new(),
            content: 0,
            groups: Groups::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.content + self.entries.bytes() + self.index.allocation_size() + self.groups.bytes()
    }

    /// Bytes of what grows with the number of entries beside them.
    pub(crate) fn overhead(&self) -> usize {
        self.index.allocation_size() + self.entries.list_bytes() + self.groups.bytes()
    }

    /// Bytes of room for entries as soon as there is one.
    pub(crate) const fn least_bytes() -> usize {
        Dense::<Entry<V>>::chunk_bytes()
    }

    pub(crate) fn entry(&self, at: u32) -> &Entry<V> {
        &self.entries[at]
    }

    pub(crate) fn entry_mut(&mut self, at: u32) -> &mut Entry<V> {
        &mut self.entries[at]
    }

    /// Where the newest entry of a key is.
    pub(crate) fn newest(&self, key: Key<'_>) -> Option<u32> {
        let hash = part(key.hash);
        let is =
            |newest: &Newest| newest.hash == hash && *self.entries[newest.at].key == *key.bytes;
        Some(self.index.find(spread(hash), is)?.at)
    }

    /// Where the next older entry of the same key is.
    pub(crate) fn older(&self, at: u32) -> Option<u32> {
        Some(self.entries[at].older).filter(|older| *older != NONE)
    }

    /// The entry whose turn in a queue is next.
    pub(crate) fn first(&self, stage: Stage) -> Option<u32> {
        self.queue(stage).first()
    }

    /// Bytes that go with the entries of a queue.
    pub(crate) fn bytes_in(&self, stage: Stage) -> usize {
        self.queue(stage).bytes()
    }

    fn queue(&self, stage: Stage) -> &Queue {
        match stage {
            Stage::Probation => &self.probation,
            Stage::Main => &self.main,
        }
    }

    fn queue_mut(&mut self, stage: Stage) -> (&mut Queue, &mut Dense<Entry<V>>) {
        let queue = match stage {
            Stage::Probation => &mut self.probation,
            Stage::Main => &mut self.main,
        };
        (queue, &mut self.entries)
    }

    /// Makes room for one more entry, of this group.
    pub(crate) fn reserve_one(&mut self, group: u64) {
        self.groups.reserve(group);
        self.entries.reserve_one();
        self.index.reserve(1, |newest| spread(newest.hash));
    }

    /// Puts an entry in as the newest of its key and the last of its queue. Links in it are set here.
    pub(crate) fn push(&mut self, key: Key<'_>, entry: Entry<V>) {
        let at = self.entries.len() as u32;
        let (older, stage) = (self.newest(key), entry.stage);
        self.content += entry.content();
        self.groups.came(entry.value.group(), entry.bytes());
        self.entries.push(Entry {
            hash: part(key.hash),
            newer: NONE,
            older: older.unwrap_or(NONE),
            ..entry
        });
        match older {
            Some(older) => {
                self.entries[older].newer = at;
                self.point(older, at);
            }
            None => {
                let hash = part(key.hash);
                let newest = Newest { hash, at };
                self.index
                    .insert_unique(spread(hash), newest, |newest| spread(newest.hash));
            }
        }
        let (queue, entries) = self.queue_mut(stage);
        queue.push(entries, at);
    }

    /// Puts an entry at the end of a queue, its own or the other.
    pub(crate) fn requeue(&mut self, at: u32, stage: Stage) {
        let (queue, entries) = self.queue_mut(self.entries[at].stage);
        queue.remove(entries, at);
        entries[at].stage = stage;
        let (queue, entries) = self.queue_mut(stage);
        queue.push(entries, at);
    }

    /// Puts another value in an entry, where everything else stays as it is.
    pub(crate) fn exchange(&mut self, at: u32, value: V) {
        let entry = &mut self.entries[at];
        let (content, bytes) = (entry.content(), entry.bytes());
        entry.weight = value.weight();
        entry.value = value;
        self.content = self.content - content + entry.content();
        self.groups
            .changed(entry.value.group(), bytes, entry.bytes());
        let (entries, stage) = (&self.entries, self.entries[at].stage);
        let queue = match stage {
            Stage::Probation => &mut self.probation,
            Stage::Main => &mut self.main,
        };
        queue.reweigh(&entries[at], bytes);
    }

    /// Takes an entry out. The one that was at [`len`](Self::len) has its place then.
    pub(crate) fn take(&mut self, at: u32) -> Option<Entry<V>> {
        let (queue, entries) = self.queue_mut(self.entries[at].stage);
        queue.remove(entries, at);
        self.leave_variants(at);
        let taken = self.entries.swap_remove(at as usize)?;
        self.content -= taken.content();
        self.groups.went(taken.value.group(), taken.bytes());
        if (at as usize) < self.entries.len() {
            self.relocate(at);
        }
        Some(taken)
    }

    fn leave_variants(&mut self, at: u32) {
        let (newer, older) = (self.entries[at].newer, self.entries[at].older);
        if older != NONE {
            self.entries[older].newer = newer;
        }
        if newer != NONE {
            self.entries[newer].older = older;
        } else if older != NONE {
            self.point(at, older);
        } else {
            let hash = spread(self.entries[at].hash);
            if let Ok(found) = self.index.find_entry(hash, |newest| newest.at == at) {
                found.remove();
            }
        }
    }

    /// Has all that leads to the entry that was the last know that it lies at `at` now.
    fn relocate(&mut self, at: u32) {
        let was = self.entries.len() as u32;
        let (newer, older) = (self.entries[at].newer, self.entries[at].older);
        match newer {
            NONE => self.point_by(self.entries[at].hash, was, at),
            newer => self.entries[newer].older = at,
        }
        if older != NONE {
            self.entries[older].newer = at;
        }
        let (queue, entries) = self.queue_mut(self.entries[at].stage);
        queue.relocate(entries, at);
    }

    /// Has the index say that the newest entry of a key is at `to`, not at `from`, where it still lies.
    fn point(&mut self, from: u32, to: u32) {
        self.point_by(self.entries[from].hash, from, to);
    }

    fn point_by(&mut self, hash: u32, from: u32, to: u32) {
        let found = self
            .index
            .find_mut(spread(hash), |newest| newest.at == from);
        if let Some(newest) = found {
            newest.at = to;
        }
    }

    /// Counts with its group that an entry went to make room.
    pub(crate) fn count_evicted(&mut self, entry: &Entry<V>) {
        self.groups.evicted(entry.value.group());
    }

    /// Tells what there is of each group.
    pub(crate) fn tell_groups(&mut self, tell: impl FnMut(u64, Holdings)) {
        self.groups.tell(tell);
    }

    /// Forgets the groups, once nothing is stored.
    pub(crate) fn forget_groups(&mut self) {
        self.groups.clear();
    }

    /// Gives back what is not in use, if that is most of it.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink();
        let len = self.index.len();
        if len == 0 || len < self.index.capacity() / 8 {
            self.index.shrink_to(2 * len, |newest| spread(newest.hash));
        }
    }
}

/// What of a key's hash is kept.
fn part(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}

/// A hash of 64 bits from the part that is kept: the index takes a place from the lower ones, and a tag from the upper.
fn spread(part: u32) -> u64 {
    u64::from(part) << 32 | u64::from(part)
}
