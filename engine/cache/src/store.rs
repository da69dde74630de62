//! The stored responses of one core.

mod stored;

pub use stored::{Found, Key, Purge, Refused, Stats, Stored};

/// Stored responses that one key may have, for requests that differ in the fields that Vary names. The oldest goes.
pub const MOST_VARIANTS: usize = 64;

/// The stored responses of one core, bounded in bytes.
///
/// Purges are told by generations: a count of purges that the caller keeps for the whole process. A purge raises it and
/// covers what was asked for before, which is any response with a lower [`Stored::generation`], whether it is stored already
/// or arrives later.
#[derive(Debug)]
pub struct Store<V> {
    entries: Vec<Entry<V>>,
    limit: usize,
    tags: Vec<(u64, u64)>,
    floor: u64,
    missed: Vec<u64>,
    stats: Stats,
}

#[derive(Debug)]
struct Entry<V> {
    key: Box<[u8]>,
    value: V,
    softly_purged: bool,
    dead: bool,
}

impl<V: Stored> Store<V> {
    /// An empty store that never holds more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            limit,
            tags: Vec::new(),
            floor: 0,
            missed: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Bytes that it may hold.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes how many bytes it may hold, and evicts what is more.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        while self.bytes() > limit && !self.entries.is_empty() {
            self.evict();
        }
    }

    /// Bytes of memory that it holds: the responses, their keys, and its own tables with what they have to spare.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::bytes).sum()
    }

    /// What it holds and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            entries: self.entries.len(),
            bytes: self.bytes(),
            ..self.stats
        }
    }

    /// The response that was inserted last of those under `key` that `select` takes and no hard purge covers. It counts as
    /// used; where there is none, the key counts as missed.
    pub fn find(
        &mut self,
        key: Key<'_>,
        mut select: impl FnMut(&V) -> bool,
    ) -> Option<Found<'_, V>> {
        let is = |entry: &Entry<V>| !entry.dead && *entry.key == *key.bytes && select(&entry.value);
        let Some(at) = self.entries.iter().rposition(is) else {
            self.missed.push(key.hash);
            return None;
        };
        Some(self.entries[at].found())
    }

    /// All responses under `key` that no hard purge covers, the newest first. Nothing counts as used or missed.
    pub fn variants(&self, key: Key<'_>) -> impl Iterator<Item = Found<'_, V>> {
        let all = self.entries.iter().rev();
        let live = all.filter(move |entry| !entry.dead && *entry.key == *key.bytes);
        live.map(Entry::found)
    }

    /// How often `key` was missed of late, up to some small number. It is an estimate and may be too high, seldom is it too
    /// low.
    #[must_use]
    pub fn uses(&self, key: Key<'_>) -> u8 {
        let count = self.missed.iter().filter(|hash| **hash == key.hash).count();
        count.min(15) as u8
    }

    /// Stores `value` under `key` instead of those for which `replaces` is true, and evicts others as room is needed.
    ///
    /// # Errors
    /// Why it was not taken; then nothing has changed.
    pub fn insert(
        &mut self,
        key: Key<'_>,
        value: V,
        mut replaces: impl FnMut(&V) -> bool,
    ) -> Result<(), Refused> {
        let entry = Entry {
            key: key.bytes.into(),
            value,
            softly_purged: false,
            dead: false,
        };
        if entry.bytes() > self.limit {
            self.stats.refused += 1;
            return Err(Refused::TooLarge);
        }
        let purged = |(tag, generation): &(u64, u64)| {
            entry.value.generation() < *generation && entry.value.tags().contains(tag)
        };
        if entry.value.generation() < self.floor || self.tags.iter().any(purged) {
            self.stats.refused += 1;
            return Err(Refused::Purged);
        }
        let of_key = |entry: &Entry<V>| *entry.key == *key.bytes;
        let before = self.entries.len();
        self.entries
            .retain(|entry| !(of_key(entry) && replaces(&entry.value)));
        if self.entries.iter().filter(|entry| of_key(entry)).count() >= MOST_VARIANTS {
            let oldest = self.entries.iter().position(of_key);
            oldest.map(|at| self.entries.remove(at));
        }
        self.stats.replaced += (before - self.entries.len()) as u64;
        while self.bytes() + entry.bytes() > self.limit {
            self.evict();
        }
        self.entries.push(entry);
        self.stats.inserts += 1;
        Ok(())
    }

    /// Takes all responses under `key` out, and says how many there were.
    pub fn remove(&mut self, key: Key<'_>) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| *entry.key != *key.bytes);
        let count = before - self.entries.len();
        self.stats.removed += count as u64;
        count
    }

    /// Purges all responses that have this tag, those included that were asked for before this `generation` and have yet to
    /// come. It costs the same however many there are.
    pub fn purge_tag(&mut self, tag: u64, generation: u64, kind: Purge) {
        self.tags.push((tag, generation));
        self.mark(generation, kind, |_, value| value.tags().contains(&tag));
    }

    /// Purges all responses that were asked for before this `generation`, whether they are here or have yet to come. It costs
    /// the same however many there are.
    pub fn purge_all(&mut self, generation: u64, kind: Purge) {
        self.floor = self.floor.max(generation);
        self.mark(generation, kind, |_, _| true);
    }

    /// Purges all stored responses for which `matches` is true by their key and value; it walks over all of them. Of those
    /// that were asked for before this `generation` and have yet to come, any is refused, as it might have been meant.
    /// Says how many were purged.
    pub fn purge_where(
        &mut self,
        generation: u64,
        kind: Purge,
        matches: impl FnMut(&[u8], &V) -> bool,
    ) -> usize {
        self.floor = self.floor.max(generation);
        self.mark(generation, kind, matches)
    }

    /// Goes on over at most so many entries and drops those that are purged or for which `expired` is true, and gives memory
    /// back. Says whether it has come around: true once all entries have been looked at that were there when it was last
    /// true.
    pub fn sweep(&mut self, at_most: usize, mut expired: impl FnMut(&V) -> bool) -> bool {
        let _ = at_most;
        self.entries
            .retain(|entry| !entry.dead && !expired(&entry.value));
        true
    }

    fn mark(
        &mut self,
        generation: u64,
        kind: Purge,
        mut matches: impl FnMut(&[u8], &V) -> bool,
    ) -> usize {
        let mut count = 0;
        for entry in self.entries.iter_mut().filter(|entry| !entry.dead) {
            if entry.value.generation() < generation && matches(&entry.key, &entry.value) {
                entry.softly_purged = true;
                entry.dead = kind == Purge::Hard;
                count += 1;
            }
        }
        count
    }

    fn evict(&mut self) {
        if !self.entries.is_empty() {
            self.entries.remove(0);
            self.stats.evictions += 1;
        }
    }
}

impl<V: Stored> Entry<V> {
    fn bytes(&self) -> usize {
        self.key.len() + self.value.weight() + size_of::<Self>()
    }

    fn found(&self) -> Found<'_, V> {
        Found {
            value: &self.value,
            softly_purged: self.softly_purged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Response(u64, Vec<u64>);

    impl Stored for Response {
        fn weight(&self) -> usize {
            100
        }
        fn generation(&self) -> u64 {
            self.0
        }
        fn tags(&self) -> &[u64] {
            &self.1
        }
    }

    const KEY: Key<'static> = Key {
        hash: 1,
        bytes: b"/",
    };

    #[test]
    fn a_purge_covers_what_was_asked_for_before_and_comes_after() {
        let mut store = Store::new(1 << 20);
        assert_eq!(store.insert(KEY, Response(3, vec![7]), |_| false), Ok(()));
        store.purge_tag(7, 4, Purge::Hard);
        assert_eq!(store.find(KEY, |_| true), None);
        assert_eq!(
            store.insert(KEY, Response(3, vec![7]), |_| false),
            Err(Refused::Purged)
        );
        assert_eq!(store.insert(KEY, Response(4, vec![7]), |_| false), Ok(()));
        store.purge_all(5, Purge::Soft);
        assert!(
            store
                .find(KEY, |_| true)
                .is_some_and(|found| found.softly_purged)
        );
    }
}
