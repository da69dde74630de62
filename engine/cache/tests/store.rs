//! The store beside a slow model that remembers all that it ever took, with the same purges told one by one.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use ringfence_cache::{
    Found, Holdings, Key, MOST_VARIANTS, Purge, REALM, Refused, Store, Stored, UrlPattern,
};

#[derive(Debug, PartialEq)]
struct Response {
    id: usize,
    variant: u8,
    weight: usize,
    generation: u64,
    tags: Vec<u64>,
    group: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Shared(Arc<Response>);

impl Stored for Shared {
    fn weight(&self) -> usize {
        self.0.weight
    }
    fn generation(&self) -> u64 {
        self.0.generation
    }
    fn tags(&self) -> &[u64] {
        &self.0.tags
    }
    fn group(&self) -> u64 {
        self.0.group
    }
}

fn response(id: usize, weight: usize, generation: u64, tags: &[u64]) -> Shared {
    Shared(Arc::new(Response {
        id,
        variant: 0,
        weight,
        generation,
        tags: tags.to_vec(),
        group: 0,
    }))
}

/// The key of a number. Its hash is one of few, so that many collide.
fn name(number: u8) -> (u64, Vec<u8>) {
    let hash = u64::from(number % 5).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash, key_of(&format!("http://h/{number}")))
}

/// A key with this URL.
fn key_of(url: &str) -> Vec<u8> {
    [&[0; REALM], url.as_bytes()].concat()
}

fn key(name: &(u64, Vec<u8>)) -> Key<'_> {
    Key {
        hash: name.0,
        bytes: &name.1,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert {
        key: u8,
        variant: u8,
        weight: usize,
        tags: Vec<u64>,
        group: u64,
        /// Purges that came after it was asked for.
        late: u64,
    },
    /// Another weight for a response of this variant.
    Exchange(u8, u8, usize),
    Find(u8, u8),
    Remove(u8),
    PurgeTag(u64, bool),
    PurgeAll(bool),
    /// All whose number begins with this one.
    PurgeUrls(u8, bool),
    /// At most so many; those of one variant have expired.
    Sweep(usize, u8),
    SetLimit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let tags = prop::collection::vec(0u64..6, 0..3);
    let late = prop_oneof![4 => Just(0), 1 => 1u64..4];
    let insert = (0u8..12, 0u8..4, 0usize..9000, tags, 0u64..3, late).prop_map(
        |(key, variant, weight, tags, group, late)| Step::Insert {
            key,
            variant,
            weight,
            tags,
            group,
            late,
        },
    );
    prop_oneof![
        10 => insert,
        10 => (0u8..12, 0u8..4).prop_map(|(key, variant)| Step::Find(key, variant)),
        3 => (0u8..12, 0u8..4, 0usize..20_000)
            .prop_map(|(key, variant, weight)| Step::Exchange(key, variant, weight)),
        1 => (0u8..12).prop_map(Step::Remove),
        2 => (0u64..6, any::<bool>()).prop_map(|(tag, hard)| Step::PurgeTag(tag, hard)),
        1 => any::<bool>().prop_map(Step::PurgeAll),
        2 => (0u8..12, any::<bool>()).prop_map(|(key, hard)| Step::PurgeUrls(key, hard)),
        2 => (0usize..20, 3u8..6).prop_map(|(most, variant)| Step::Sweep(most, variant)),
        1 => (0usize..200_000).prop_map(Step::SetLimit),
    ]
}

fn kind(hard: bool) -> Purge {
    if hard { Purge::Hard } else { Purge::Soft }
}

/// One of all that were ever taken, in their order.
struct Kept {
    key: u8,
    value: Shared,
    stale: bool,
    gone: bool,
    /// A sweep may have dropped it.
    expired: bool,
}

impl Kept {
    /// Bytes that go with it, where the store has it: then it is shared.
    fn bytes(&self) -> Option<usize> {
        let content = self.value.weight() + name(self.key).1.len();
        (Arc::strong_count(&self.value.0) > 1).then_some(content + ENTRY)
    }
}

/// Bytes of an entry beside its content.
const ENTRY: usize = 64;

/// The store, and beside it what it may hold.
struct Pair {
    store: Store<Shared>,
    all: Vec<Kept>,
    /// Purges of tags, with their generations.
    tags: Vec<(u64, u64)>,
    /// Prefixes of keys, likewise.
    urls: Vec<(Vec<u8>, u64)>,
    floor: u64,
    generation: u64,
    /// Whether the store holds all that it may.
    unlimited: bool,
    /// Those that went to make room, and those that the store has told of, by group.
    evicted: HashMap<u64, u64>,
    told: HashMap<u64, u64>,
}

impl Pair {
    fn new(limit: Option<usize>) -> Self {
        Self {
            store: Store::new(limit.unwrap_or(usize::MAX / 2)),
            all: Vec::new(),
            tags: Vec::new(),
            urls: Vec::new(),
            floor: 0,
            generation: 0,
            unlimited: limit.is_none(),
            evicted: HashMap::new(),
            told: HashMap::new(),
        }
    }

    fn run(&mut self, step: &Step) {
        let mut before: Vec<_> = self.all.iter().map(|kept| kept.bytes().is_some()).collect();
        self.take(step);
        before.resize(self.all.len(), true);
        // Where there is no room for what it would tell, it tells nothing.
        let is_untold = matches!(step, Step::SetLimit(_)) && self.store.bytes() == 0;
        for (kept, was_there) in self.all.iter().zip(before) {
            let is_gone = kept.gone || is_untold || matches!(step, Step::Sweep(..));
            if was_there && kept.bytes().is_none() && !is_gone {
                *self.evicted.entry(kept.value.group()).or_default() += 1;
            }
        }
        self.check();
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Insert {
                key,
                variant,
                weight,
                tags,
                group,
                late,
            } => {
                let value = Shared(Arc::new(Response {
                    id: self.all.len(),
                    variant: *variant,
                    weight: *weight,
                    generation: self.generation.saturating_sub(*late),
                    tags: tags.clone(),
                    group: *group,
                }));
                self.insert(*key, value);
            }
            Step::Exchange(key, variant, weight) => self.exchange(*key, *variant, *weight),
            Step::Find(key, variant) => self.find(*key, *variant),
            Step::Remove(number) => {
                let live = self.live(*number).count();
                let removed = self.store.remove(key(&name(*number)));
                assert!(removed == live || removed < live && !self.is_exact());
                let of_key = self.all.iter_mut().filter(|kept| kept.key == *number);
                of_key.for_each(|kept| kept.gone = true);
            }
            Step::Sweep(most, variant) => {
                self.store.sweep(*most, |value| value.0.variant == *variant);
                let expired = self.all.iter_mut();
                let expired = expired.filter(|kept| kept.value.0.variant == *variant);
                expired.for_each(|kept| kept.expired = true);
            }
            Step::SetLimit(limit) if !self.unlimited => self.store.set_limit(*limit),
            Step::SetLimit(_) => (),
            purge => self.purge(purge),
        }
    }

    fn is_exact(&self) -> bool {
        self.unlimited && self.all.iter().all(|kept| !kept.expired)
    }

    fn live(&self, key: u8) -> impl Iterator<Item = &Kept> {
        let newest_first = self.all.iter().rev();
        newest_first.filter(move |kept| kept.key == key && !kept.gone)
    }

    fn insert(&mut self, number: u8, value: Shared) {
        let generation = value.generation();
        let tagged = self.tags.iter().filter(|tag| value.tags().contains(&tag.0));
        let tagged = tagged.map(|tag| tag.1);
        let of_key = name(number).1;
        let sought = self.urls.iter().filter(|url| of_key.starts_with(&url.0));
        let sought = sought.map(|url| url.1);
        let covered = tagged.chain(sought).max().unwrap_or(0).max(self.floor);
        let variant = value.0.variant;
        let taken = self.store.insert(key(&name(number)), value.clone(), |old| {
            old.0.variant == variant
        });
        match taken {
            Err(Refused::Purged) => {
                let forgotten = generation < self.generation && !self.unlimited;
                assert!(generation < covered || forgotten);
            }
            Err(Refused::TooLarge) => assert!(!self.unlimited),
            Ok(()) => {
                assert!(generation >= covered, "it was purged before it came");
                let of_key = self.all.iter_mut().filter(|kept| kept.key == number);
                let replaced = of_key.filter(|kept| kept.value.0.variant == variant);
                replaced.for_each(|kept| kept.gone = true);
                let found = self.store.variants(key(&name(number))).next();
                assert!(found.is_some_and(|found| *found.value == value));
                self.all.push(Kept {
                    key: number,
                    value,
                    stale: false,
                    gone: false,
                    expired: false,
                });
            }
        }
    }

    fn exchange(&mut self, number: u8, variant: u8, weight: usize) {
        let exact = self.is_exact();
        let is = |value: &Shared| value.0.variant == variant;
        let mut all = self.all.iter_mut().rev();
        let kept = all.find(|kept| kept.key == number && !kept.gone && is(&kept.value));
        let old = kept.as_ref().map(|kept| kept.value.clone());
        let value = Shared(Arc::new(Response {
            id: old.as_ref().map_or(0, |old| old.0.id),
            variant,
            weight,
            generation: old.as_ref().map_or(u64::MAX, Stored::generation),
            group: old.as_ref().map_or(0, Stored::group),
            tags: old.map_or(Vec::new(), |old| old.0.tags.clone()),
        }));
        let done = self.store.exchange(key(&name(number)), value.clone(), is);
        match kept {
            None => assert!(!done, "there is none"),
            Some(kept) if done => kept.value = value,
            Some(_) => assert!(!exact),
        }
    }

    fn find(&mut self, number: u8, variant: u8) {
        let exact = self.is_exact();
        let name = name(number);
        let select = |value: &Shared| value.0.variant == variant;
        let seen = self
            .store
            .variants(key(&name))
            .find(|found| select(found.value));
        let seen = seen.map(|found| (found.value.clone(), found.softly_purged));
        let found = self.store.find(key(&name), select);
        let found = found.map(|found| (found.value.clone(), found.softly_purged));
        assert_eq!(found, seen, "what is found is what was there");
        let mut live = self.live(number);
        // No two of a key have the same variant.
        let want = live.find(|kept| kept.value.0.variant == variant);
        let want = want.map(|kept| (kept.value.clone(), kept.stale));
        assert!(found == want || found.is_none() && !exact);
    }

    fn purge(&mut self, step: &Step) {
        type Covers = Box<dyn Fn(&Kept) -> bool>;
        self.generation += 1;
        let generation = self.generation;
        let (hard, covers): (bool, Covers) = match *step {
            Step::PurgeTag(tag, hard) => {
                // A small one has no room for records before it has entries.
                if self.store.stats().entries == 0 && !self.unlimited {
                    self.floor = generation;
                }
                self.store.purge_tag(tag, generation, kind(hard));
                self.tags.push((tag, generation));
                (hard, Box::new(move |kept| kept.value.tags().contains(&tag)))
            }
            Step::PurgeAll(hard) => {
                self.store.purge_all(generation, kind(hard));
                self.floor = generation;
                (hard, Box::new(|_| true))
            }
            Step::PurgeUrls(number, hard) => {
                if self.store.stats().entries == 0 && !self.unlimited {
                    self.floor = generation;
                }
                let prefix = name(number).1;
                let pattern = Arc::new(UrlPattern::prefix(&prefix[REALM..]));
                self.store.purge_urls(pattern, generation, kind(hard));
                self.urls.push((prefix.clone(), generation));
                let covers = move |kept: &Kept| name(kept.key).1.starts_with(&prefix);
                (hard, Box::new(covers))
            }
            _ => unreachable!("a purge"),
        };
        for kept in self.all.iter_mut().filter(|kept| covers(kept)) {
            kept.stale = true;
            kept.gone |= hard;
        }
    }

    /// What the store tells of groups is what it has of them, each byte of it.
    fn check_groups(&mut self) {
        let mut wanted: HashMap<u64, Holdings> = HashMap::new();
        for kept in &self.all {
            if let Some(bytes) = kept.bytes() {
                let held = wanted.entry(kept.value.group()).or_default();
                held.entries += 1;
                held.bytes += bytes;
            }
        }
        self.store.tell_groups(|group, held| {
            *self.told.entry(group).or_default() += held.evictions;
            let held = Holdings {
                evictions: 0,
                ..held
            };
            assert_eq!(wanted.remove(&group).unwrap_or_default(), held);
        });
        assert!(wanted.is_empty(), "not told of {wanted:?}");
        self.told.retain(|_, count| *count > 0);
        assert_eq!(self.told, self.evicted);
    }

    /// All that is visible is as it should be.
    fn check(&mut self) {
        self.check_groups();
        let mut stale: Vec<_> = self
            .store
            .softly_purged(0..usize::MAX)
            .map(|(_, value)| value.0.id)
            .collect();
        stale.sort_unstable();
        if self.is_exact() {
            let kept = self.all.iter().filter(|kept| kept.stale && !kept.gone);
            let mut wanted: Vec<_> = kept.map(|kept| kept.value.0.id).collect();
            wanted.sort_unstable();
            assert_eq!(stale, wanted);
        }
        let stats = self.store.stats();
        assert!(stats.bytes <= self.store.limit());
        let gone = stats.replaced + stats.evictions + stats.purged + stats.expired + stats.removed;
        assert_eq!(stats.inserts, gone + stats.entries as u64);
        for number in 0..12 {
            let name = name(number);
            let found = self.store.variants(key(&name));
            let found: Vec<_> = found
                .map(|found| (found.value, found.softly_purged))
                .collect();
            let mut want = self.live(number).map(|kept| (&kept.value, kept.stale));
            if self.is_exact() {
                assert_eq!(found, want.collect::<Vec<_>>());
            } else {
                // Of those in their order, some.
                assert!(found.iter().all(|found| want.any(|want| want == *found)));
            }
        }
    }
}

fn play(limit: Option<usize>, steps: &[Step]) -> Pair {
    let mut pair = Pair::new(limit);
    steps.iter().for_each(|step| pair.run(step));
    pair
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn without_a_limit_it_holds_what_the_model_does(steps in prop::collection::vec(step(), 1..300)) {
        play(None, &steps);
    }

    #[test]
    fn with_a_limit_it_holds_some_of_it(
        limit in 10_000usize..150_000,
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut pair = play(Some(limit), &steps);
        pair.store.set_limit(0);
        let stats = pair.store.stats();
        prop_assert_eq!((stats.entries, stats.bytes), (0, 0));
    }
}

const KEY: Key<'static> = Key {
    hash: 7,
    bytes: b"/",
};

/// No other response is the same.
fn keep_all(_: &Shared) -> bool {
    false
}

#[test]
fn the_newest_is_found_and_the_oldest_goes() {
    let mut store = Store::new(1 << 20);
    for id in 0..MOST_VARIANTS + 2 {
        assert_eq!(
            store.insert(KEY, response(id, 10, 0, &[]), keep_all),
            Ok(())
        );
    }
    assert_eq!(store.variants(KEY).count(), MOST_VARIANTS);
    let newest = store.find(KEY, |_| true).map(|found| found.value.0.id);
    assert_eq!(newest, Some(MOST_VARIANTS + 1));
    assert_eq!(store.find(KEY, |value| value.0.id == 1), None);
    assert_eq!(store.stats().replaced, 2);
    assert_eq!(store.remove(KEY), MOST_VARIANTS);
}

#[test]
fn a_walk_over_what_was_purged_softly_misses_none_that_stays() {
    let mut store = Store::new(1 << 20);
    let keys: Vec<_> = (0..10_u64).map(|id| id.to_be_bytes()).collect();
    let key = |id: usize| Key {
        bytes: &keys[id],
        hash: id as u64,
    };
    for id in 0..10 {
        let value = response(id, 10, 3, &[7]);
        store.insert(key(id), value, keep_all).unwrap();
    }
    store.purge_tag(7, 4, Purge::Soft);
    let mut seen = Vec::new();
    for at in (0..5).rev() {
        let stored = store.softly_purged(at * 2..at * 2 + 2);
        seen.extend(stored.map(|(_, value)| value.0.id));
        // One that has not been looked at yet goes, and the last takes its place.
        if at == 4 {
            store.remove(key(0));
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (1..10).collect::<Vec<_>>());
}

#[test]
fn what_came_late_is_refused_and_changes_nothing() {
    let mut store = Store::new(1 << 20);
    store
        .insert(KEY, response(1, 10, 3, &[7]), keep_all)
        .unwrap();
    store.purge_tag(7, 4, Purge::Soft);
    let late = store.insert(KEY, response(2, 10, 3, &[7]), |_| true);
    assert_eq!(late, Err(Refused::Purged));
    let found = store.find(KEY, |_| true).expect("it may stand in");
    assert_eq!((found.value.0.id, found.softly_purged), (1, true));
    assert_eq!(
        store.insert(KEY, response(3, 10, 3, &[8]), keep_all),
        Ok(())
    );
    let all = Arc::new(UrlPattern::glob(b"*"));
    store.purge_urls(all, 5, Purge::Hard);
    let none: [Found<'_, Shared>; 0] = [];
    assert!(
        store
            .variants(KEY)
            .filter(|found| found.value.0.id == 3)
            .eq(none)
    );
    let late = store.insert(KEY, response(4, 10, 4, &[9]), keep_all);
    assert_eq!(late, Err(Refused::Purged));
}

#[test]
fn a_purge_of_urls_looks_at_nothing_and_refuses_only_what_it_means() {
    let mut store = Store::new(1 << 20);
    let names: Vec<_> = (0..200)
        .map(|n| key_of(&format!("http://h/{}/{n}", n % 2)))
        .collect();
    let key = |n: usize| Key {
        hash: n as u64,
        bytes: &names[n],
    };
    for n in 0..200 {
        store
            .insert(key(n), response(n, 10, 3, &[]), keep_all)
            .unwrap();
    }
    let before = store.bytes();
    store.purge_urls(Arc::new(UrlPattern::prefix(b"http://h/1/")), 4, Purge::Hard);
    assert!(store.seeks() && store.bytes() < before + 1024);
    assert_eq!(store.stats().entries, 200);
    for n in 0..200 {
        assert_eq!(store.find(key(n), |_| true).is_some(), n % 2 == 0, "{n}");
    }
    let late = |n: usize| response(1000 + n, 10, 3, &[]);
    assert!(store.refuses(key(1), &late(1)) && !store.refuses(key(0), &late(0)));
    assert_eq!(
        store.insert(key(1), late(1), keep_all),
        Err(Refused::Purged)
    );
    assert_eq!(store.insert(key(0), late(0), keep_all), Ok(()));
    while store.seeks() {
        store.sweep(10, |_| false);
    }
    assert_eq!(store.stats().entries, 101);
    assert_eq!(
        store.insert(key(1), late(1), keep_all),
        Err(Refused::Purged)
    );
}

/// The more patterns there are that an entry is to be held against, the fewer entries a sweep looks at.
#[test]
fn a_sweep_takes_no_longer_for_many_patterns() {
    let mut store = Store::new(1 << 20);
    let names: Vec<_> = (0..1000)
        .map(|n| key_of(&format!("http://h/{n}")))
        .collect();
    for (n, bytes) in names.iter().enumerate() {
        let hash = n as u64;
        store
            .insert(Key { hash, bytes }, response(n, 10, 0, &[]), keep_all)
            .unwrap();
    }
    for n in 0..79 {
        let pattern = Arc::new(UrlPattern::prefix(format!("http://h/x{n}").as_bytes()));
        store.purge_urls(pattern, 1 + n, Purge::Hard);
    }
    let mut sweeps = 0;
    while store.seeks() {
        store.sweep(100, |_| false);
        sweeps += 1;
    }
    assert_eq!(sweeps, 100, "ten entries each time");
    assert!(store.sweep(1000, |_| false), "now all at once");
}

/// Many more patterns are purged than there is room for, and none is forgotten while it covers what is stored.
#[test]
fn urls_are_purged_without_end() {
    let mut store = Store::new(1 << 30);
    let names: Vec<_> = (0..5_000u64)
        .map(|n| key_of(&format!("http://h/{n}/")))
        .collect();
    let key = |n: usize| Key {
        hash: (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        bytes: &names[n],
    };
    for n in 0..names.len() {
        store
            .insert(key(n), response(n, 100, 0, &[]), keep_all)
            .unwrap();
    }
    let before = store.bytes();
    for (n, name) in names.iter().enumerate().take(4_000) {
        let pattern = Arc::new(UrlPattern::glob(&name[REALM..]));
        store.purge_urls(pattern, 1 + n as u64, Purge::Hard);
        assert!(store.bytes() < before + (1 << 17), "{n}");
    }
    for n in 0..4_000 {
        assert_eq!(store.find(key(n), |_| true), None, "{n}");
    }
    assert!(store.variants(key(4_500)).next().is_some());
    let late = store.insert(key(3), response(3, 100, 3, &[]), keep_all);
    assert_eq!(late, Err(Refused::Purged));
    while !store.sweep(1000, |_| false) {}
    assert_eq!(store.stats().entries, 1_000);
    assert_eq!(store.stats().purged, 4_000);
}

#[test]
fn what_never_fits_is_refused_and_evicts_nothing() {
    let mut store = Store::new(100_000);
    store
        .insert(KEY, response(1, 50_000, 0, &[]), keep_all)
        .unwrap();
    for weight in [100_000, usize::MAX] {
        let refused = store.insert(KEY, response(2, weight, 0, &[]), |_| true);
        assert_eq!(refused, Err(Refused::TooLarge));
    }
    assert_eq!(store.stats().entries, 1);
    let mut none = Store::new(0);
    assert_eq!(
        none.insert(KEY, response(1, 0, 0, &[]), keep_all),
        Err(Refused::TooLarge)
    );
    none.purge_tag(1, 1, Purge::Hard);
    assert_eq!(none.find(KEY, |_| true), None);
    assert_eq!(none.bytes(), 0);
}

#[test]
fn weights_beyond_all_memory_do_no_harm() {
    let mut store = Store::new(usize::MAX);
    for shift in 0..8 {
        for id in 0..20 {
            let value = response(id, usize::MAX >> shift, 0, &[]);
            let taken = store.insert(KEY, value, keep_all);
            assert_eq!(taken.is_ok(), shift > 3);
            assert!(store.bytes() <= store.limit());
        }
    }
}

#[test]
fn misses_are_counted_by_key() {
    let mut store = Store::new(1 << 20);
    store
        .insert(KEY, response(1, 10, 0, &[]), keep_all)
        .unwrap();
    let other = Key {
        hash: 1 << 40 | 0x1234,
        bytes: b"/other",
    };
    assert_eq!(store.uses(other), 0);
    assert_eq!(store.find(other, |_| true), None);
    assert_eq!(store.uses(other), 1);
    store.find(KEY, |_| true);
    assert_eq!(store.uses(KEY), 0);
}

/// Many more tags are purged than there is room for, and none is forgotten while it covers what is stored.
#[test]
fn tags_are_purged_without_end() {
    let mut store = Store::new(1 << 30);
    let names: Vec<_> = (0..50_000u64)
        .map(|n| format!("/{n}").into_bytes())
        .collect();
    let key = |n: usize| Key {
        hash: (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        bytes: &names[n],
    };
    for n in 0..names.len() {
        let value = response(n, 100, 0, &[n as u64]);
        store.insert(key(n), value, keep_all).unwrap();
    }
    let before = store.bytes();
    for n in 0..40_000 {
        store.purge_tag(n as u64, 1 + n as u64, Purge::Hard);
        assert!(store.bytes() < before + (1 << 19), "{n}");
    }
    for n in 0..40_000 {
        assert_eq!(store.find(key(n), |_| true), None, "{n}");
    }
    assert!(store.variants(key(45_000)).next().is_some());
    let late = store.insert(key(3), response(3, 100, 3, &[3]), keep_all);
    assert_eq!(late, Err(Refused::Purged));
    while !store.sweep(1000, |_| false) {}
    assert_eq!(store.stats().entries, 10_000);
    assert_eq!(store.stats().purged, 40_000);
}
