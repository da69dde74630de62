//! The stored responses of one core.
//!
//! | module | what it holds |
//! |---|---|
//! | `stored` | what a store and its caller tell each other |
//! | `table` | entries by their keys and in their queues; `dense`, `entry`, `queue`, `groups` are what it is made of |
//! | `room` | which entries go so that others may come |
//! | `misses` | how often keys were missed that may not be stored |
//! | `purges`, `sought`, `marks` | what was purged and not looked for yet, by tag and by URL |
//! | `sweep` | how the memory of what was purged comes back |

mod dense;
mod entry;
mod groups;
mod marks;
mod misses;
mod purges;
mod queue;
mod room;
mod sought;
mod stored;
mod sweep;
mod table;

use std::iter::successors;
use std::ops::Range;
use std::sync::Arc;

use entry::{Entry, NONE, Stage, State};
use misses::Misses;
use purges::{Pass, Purges};
use table::Table;

use crate::pattern::UrlPattern;

pub use stored::{Found, Holdings, Key, Purge, Refused, Stats, Stored};

/// Stored responses that one key may have, for requests that differ in the fields that Vary names. The oldest goes.
pub const MOST_VARIANTS: usize = 64;

/// Bytes that a store may be allowed at most: more than there are, and few enough that sums of them do not overflow.
const MOST_BYTES: usize = usize::MAX / 8;

/// Bytes of a limit from which on an empty store has room for records of purges and counts of misses.
const ROOMY: usize = 256 << 10;

/// The stored responses of one core, bounded in bytes.
///
/// Purges are told by generations: a count of purges that the caller keeps for the whole process. A purge raises it and
/// covers what was asked for before, which is any response with a lower [`Stored::generation`], whether it is stored already
/// or arrives later.
///
/// What goes to make room is chosen as in S3-FIFO (Yang et al., "FIFO Queues are All You Need for Cache Eviction", SOSP
/// 2023), with a sketch of what was missed in the place of its queue of ghosts.
#[derive(Debug)]
pub struct Store<V> {
    table: Table<V>,
    misses: Misses,
    purges: Purges,
    /// The sweep that is under way.
    pass: Option<Pass>,
    limit: usize,
    stats: Stats,
}

/// Why an entry goes that no purge covers.
#[derive(Clone, Copy, Debug)]
enum Gone {
    Replaced,
    Evicted,
    Expired,
    Removed,
}

impl<V: Stored> Store<V> {
    /// An empty store that never holds more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            table: Table::new(),
            misses: Misses::new(),
            purges: Purges::new(),
            pass: None,
            limit: limit.min(MOST_BYTES),
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
        self.limit = limit.min(MOST_BYTES);
        self.make_room(0);
        self.shrink();
    }

    /// Bytes of memory that it holds: the responses, their keys, and its own tables with what they have to spare.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.misses.bytes() + self.purges.bytes()
    }

    /// What it holds and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            entries: self.table.len(),
            bytes: self.bytes(),
            ..self.stats
        }
    }

    /// Tells what it holds of each group, and the evictions since it last did. Groups of which it then holds nothing are
    /// forgotten; they are too, untold, where a limit leaves no room for them.
    pub fn tell_groups(&mut self, tell: impl FnMut(u64, Holdings)) {
        self.table.tell_groups(tell);
    }

    /// The response that was inserted last of those under `key` that `select` takes and no hard purge covers. It counts as
    /// used; where there is none, the key counts as missed.
    pub fn find(
        &mut self,
        key: Key<'_>,
        mut select: impl FnMut(&V) -> bool,
    ) -> Option<Found<'_, V>> {
        let mut next = self.table.newest(key);
        while let Some(at) = next {
            if self.state(at) != State::Dead && select(&self.table.entry(at).value) {
                let entry = self.table.entry_mut(at);
                entry.hit();
                return Some(Found {
                    value: &entry.value,
                    softly_purged: entry.state == State::Stale,
                });
            }
            next = self.table.older(at);
        }
        if self.limit >= ROOMY {
            self.misses.reserve(1);
        }
        self.misses.count_one(key.hash);
        None
    }

    /// All responses under `key` that no hard purge covers, the newest first. Nothing counts as used or missed.
    pub fn variants(&self, key: Key<'_>) -> impl Iterator<Item = Found<'_, V>> {
        let all = successors(self.table.newest(key), |at| self.table.older(*at));
        all.filter_map(|at| {
            let entry = self.table.entry(at);
            let state = self.seen_state(entry);
            (state != State::Dead).then_some(Found {
                value: &entry.value,
                softly_purged: state == State::Stale,
            })
        })
    }

    /// The stored responses at these places that a soft purge covers and no hard one, with their keys. There are as many places
    /// as entries. Who walks from the last place to the first misses none that stays meanwhile: what goes leaves its place to
    /// the one at the last.
    pub fn softly_purged(&self, places: Range<usize>) -> impl Iterator<Item = (&[u8], &V)> {
        let places = places.start..places.end.min(self.table.len());
        let all = places.map(|at| self.table.entry(at as u32));
        let stale = all.filter(|entry| self.seen_state(entry) == State::Stale);
        stale.map(|entry| (&*entry.key, &entry.value))
    }

    /// How often [`find`](Self::find) missed `key` of late, up to 15. An estimate: others may have raised it, and it halves
    /// as time goes by, which is measured in misses: every so many as there are entries for most keys, and up to eight times
    /// that for some. An empty store counts nothing.
    #[must_use]
    pub fn uses(&self, key: Key<'_>) -> u8 {
        self.misses.count(key.hash)
    }

    /// Stores `value` under `key` instead of those for which `replaces` is true, and evicts others as room is needed.
    ///
    /// # Errors
    /// Why it was not taken; then nothing has changed.
    pub fn insert(
        &mut self,
        key: Key<'_>,
        value: V,
        replaces: impl FnMut(&V) -> bool,
    ) -> Result<(), Refused> {
        let weight = value.weight();
        let content = weight.saturating_add(key.bytes.len());
        if content.saturating_add(self.least_overhead()) > self.limit {
            self.stats.refused += 1;
            return Err(Refused::TooLarge);
        }
        if self.purges.refuses(key.bytes, &value) {
            self.stats.refused += 1;
            return Err(Refused::Purged);
        }
        let heir = self.displace(key, replaces);
        self.table.reserve_one(value.group());
        self.misses.reserve(self.table.len() + 1);
        self.make_room(content);
        let (stage, hits) = heir.unwrap_or((self.first_stage(key), 0));
        let entry = Entry {
            key: key.bytes.into(),
            value,
            weight,
            checked: self.purges.count(),
            hash: 0,
            ahead: NONE,
            behind: NONE,
            newer: NONE,
            older: NONE,
            hits,
            stage,
            state: State::Sound,
        };
        self.table.push(key, entry);
        self.stats.inserts += 1;
        Ok(())
    }

    /// Puts `value` in the place of the one under `key` that `is` takes, and evicts others as room is needed. It is the same
    /// response with more to it: its tags, generation and group have to be the same, and its turn, its uses and what purges have left
    /// of it stay as they are. False where there is none, or it is too large.
    pub fn exchange(&mut self, key: Key<'_>, value: V, mut is: impl FnMut(&V) -> bool) -> bool {
        let content = value.weight().saturating_add(key.bytes.len());
        if content.saturating_add(self.least_overhead()) > self.limit {
            return false;
        }
        let mut next = self.table.newest(key);
        while let Some(at) = next {
            if self.state(at) != State::Dead && is(&self.table.entry(at).value) {
                self.table.exchange(at, value);
                self.make_room(0);
                return true;
            }
            next = self.table.older(at);
        }
        false
    }

    /// Whether a response is not taken under this key because it was asked for before a purge that covers it, or one that may: then it is
    /// no answer either for who asks after that purge.
    pub fn refuses(&self, key: Key<'_>, value: &V) -> bool {
        self.purges.refuses(key.bytes, value)
    }

    /// Takes all responses under `key` out, and says how many there were.
    pub fn remove(&mut self, key: Key<'_>) -> usize {
        let mut count = 0;
        while let Some(at) = self.table.newest(key) {
            count += usize::from(self.state(at) != State::Dead);
            self.take(at, Gone::Removed);
        }
        count
    }

    /// Purges all responses that have this tag, those included that were asked for before this `generation` and have yet to
    /// come. It costs the same however many there are.
    pub fn purge_tag(&mut self, tag: u64, generation: u64, kind: Purge) {
        if self.table.len() == 0 && self.limit < ROOMY {
            // Only what has yet to come is concerned, and that the floor covers without a record, if more than it must.
            self.purges.raise_floor(generation);
            return;
        }
        self.purges.purge_tag(tag, generation, kind);
        let due = self.purges.sweep_due(self.table.len());
        if due > 0 {
            self.look_over(due, |_| false);
        }
        self.make_room(0);
    }

    /// Purges all responses that were asked for before this `generation`, whether they are here or have yet to come. It costs
    /// the same however many there are.
    pub fn purge_all(&mut self, generation: u64, kind: Purge) {
        self.purges.purge_all(generation, kind);
    }

    /// Purges all responses whose URL the pattern means, those included that were asked for before this `generation` and have
    /// yet to come. It looks at none of them: each is held against the pattern when it is next found, or by a sweep.
    pub fn purge_urls(&mut self, pattern: Arc<UrlPattern>, generation: u64, kind: Purge) {
        if self.table.len() == 0 && self.limit < ROOMY {
            // As with a tag.
            self.purges.raise_floor(generation);
            return;
        }
        let entries = self.table.len();
        let due = self.purges.purge_urls(pattern, generation, kind, entries);
        if due > 0 {
            self.look_over(due, |_| false);
        }
        self.make_room(0);
    }

    /// Whether there are purges of URLs that not all it holds has been held against: what they cover is not found, but takes
    /// its memory until sweeps have come around.
    #[must_use]
    pub fn seeks(&self) -> bool {
        self.purges.seeks()
    }

    /// What purges have left of an entry. It is held against them only if there was one since it last was.
    fn state(&mut self, at: u32) -> State {
        let entry = self.table.entry_mut(at);
        if entry.checked != self.purges.count() {
            let now = self.purges.state(&entry.key, &entry.value, entry.checked);
            entry.state = now.max(entry.state);
            entry.checked = self.purges.count();
        }
        entry.state
    }

    /// The same for who only looks.
    fn seen_state(&self, entry: &Entry<V>) -> State {
        let now = self.purges.state(&entry.key, &entry.value, entry.checked);
        now.max(entry.state)
    }

    /// Takes out what of a key a new response is to replace, what is dead, and the oldest if there are too many. Says what the
    /// new one inherits: it is no newcomer if the one before was none.
    fn displace(
        &mut self,
        key: Key<'_>,
        mut replaces: impl FnMut(&V) -> bool,
    ) -> Option<(Stage, u8)> {
        let (mut heir, mut kept) = (None, 0);
        let mut next = self.table.newest(key);
        while let Some(at) = next {
            next = self.table.older(at);
            let dead = self.state(at) == State::Dead;
            let entry = self.table.entry(at);
            let replaced = !dead && replaces(&entry.value);
            if replaced {
                heir = heir.or(Some((entry.stage, entry.hits)));
            }
            if dead || replaced || kept + 1 == MOST_VARIANTS {
                self.take(at, Gone::Replaced);
                let moved = Some(self.table.len() as u32);
                next = if next == moved { Some(at) } else { next };
            } else {
                kept += 1;
            }
        }
        heir
    }

    fn take(&mut self, at: u32, gone: Gone) {
        let Some(entry) = self.table.take(at) else {
            return;
        };
        let count = match gone {
            _ if entry.state == State::Dead => &mut self.stats.purged,
            Gone::Replaced => &mut self.stats.replaced,
            Gone::Evicted => {
                self.table.count_evicted(&entry);
                &mut self.stats.evictions
            }
            Gone::Expired => &mut self.stats.expired,
            Gone::Removed => &mut self.stats.removed,
        };
        *count += 1;
    }

    /// Gives back what the tables do not need, where that is most of it.
    fn shrink(&mut self) {
        self.table.shrink();
        self.misses.shrink(self.table.len());
    }
}
