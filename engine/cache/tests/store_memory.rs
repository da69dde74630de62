//! What the store says that it holds is what it has allocated.

use std::sync::Arc;

use ringfence_cache::{Key, Purge, Store, Stored};

/// Counts what is allocated. The tests of this file are one, as it counts for all threads.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[derive(Clone)]
struct Response(Arc<Parts>);

struct Parts {
    body: Box<[u8]>,
    tags: Box<[u64]>,
}

/// The two counts of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();

impl Stored for Response {
    fn weight(&self) -> usize {
        ARC + size_of::<Parts>() + self.0.body.len() + size_of_val(&*self.0.tags)
    }
    fn generation(&self) -> u64 {
        0
    }
    fn tags(&self) -> &[u64] {
        &self.0.tags
    }
    fn group(&self) -> u64 {
        self.0.tags[0] % 50
    }
}

fn hash(number: u64) -> u64 {
    let x = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

fn insert(store: &mut Store<Response>, number: u64) {
    let body = vec![0; 100 + (hash(number) % 1000) as usize].into();
    let tags = [number % 3000, 5000].into();
    let value = Response(Arc::new(Parts { body, tags }));
    let bytes = number.to_string();
    let key = Key {
        hash: hash(number),
        bytes: bytes.as_bytes(),
    };
    store.insert(key, value, |_| true).expect("it fits");
}

fn find(store: &mut Store<Response>, number: u64) -> bool {
    let bytes = number.to_string();
    let key = Key {
        hash: hash(number),
        bytes: bytes.as_bytes(),
    };
    store.find(key, |_| true).is_some()
}

/// Bytes that the test's own harness may hold on another thread.
const HARNESS: usize = 2 << 10;

/// Holds what is allocated against what is counted.
fn assert_same(allocated: usize, counted: usize) {
    let differ = allocated.abs_diff(counted);
    assert!(differ <= HARNESS, "{allocated} bytes, {counted} counted");
}

/// What is allocated, all of which is the store's but for what the harness holds.
fn allocated() -> usize {
    dhat::HeapStats::get().curr_bytes
}

#[test]
fn every_byte_is_counted() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let before = allocated();
    let mut store = Store::new(8 << 20);
    for number in 0..30_000 {
        find(&mut store, number * 7 % 10_007);
        insert(&mut store, number);
        if number % 501 == 0 {
            store.tell_groups(|_, _| {});
            assert_same(allocated() - before, store.bytes());
            assert!(store.bytes() <= store.limit());
        }
    }
    assert!(store.stats().evictions > 1000 && store.bytes() > store.limit() * 9 / 10);

    let blocks = dhat::HeapStats::get().total_blocks;
    let names: Vec<_> = (25_000..30_000).collect();
    let hits = names
        .iter()
        .filter(|number| find(&mut store, **number))
        .count();
    assert!(hits > 1000 && hits < names.len(), "{hits}");
    let made = dhat::HeapStats::get().total_blocks - blocks;
    // A key's text each, which the test makes, and its list of them.
    assert_eq!(made, names.len() as u64 + 1, "a hit or a miss allocates");
    drop(names);

    for tag in 0..2900 {
        store.purge_tag(tag, 1 + tag, Purge::Hard);
        assert_same(allocated() - before, store.bytes());
    }
    while !store.sweep(100, |_| false) {}
    assert_same(allocated() - before, store.bytes());
    assert!(store.bytes() < store.limit() / 10, "the memory is back");

    store.purge_all(5000, Purge::Hard);
    while !store.sweep(100, |_| false) {}
    assert_same(allocated() - before, store.bytes());
    assert!(
        store.bytes() < 64 << 10,
        "the tables' too: {}",
        store.bytes()
    );
    store.set_limit(0);
    assert_eq!(store.bytes(), 0);
    assert_same(allocated() - before, 0);
}
