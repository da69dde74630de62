//! What it costs to find a stored response among 1,000 and among 1,000,000, to miss one, and to store one where another has
//! to go. Each benchmark checks its answer before it is timed.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringfence_cache::{Key, Store, Stored};

const SIZES: [u64; 2] = [1_000, 1_000_000];

/// Keys that are asked for in turn where some are asked for again and again.
const HOT: u64 = 1_000;

/// A response that only says what it is for, and how large it is.
#[derive(Clone)]
struct Response(Arc<u64>);

impl Stored for Response {
    fn weight(&self) -> usize {
        1_000
    }
    fn generation(&self) -> u64 {
        0
    }
    fn tags(&self) -> &[u64] {
        &[]
    }
    fn group(&self) -> u64 {
        0
    }
}

fn mix(number: u64) -> u64 {
    let x = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A key of 40 bytes, with the number in it.
fn text(number: u64) -> [u8; 40] {
    let mut text = *b"http://www.example.com/products/........";
    text[32..].copy_from_slice(&number.to_le_bytes());
    text
}

fn with_key<T>(number: u64, run: impl FnOnce(Key<'_>) -> T) -> T {
    let bytes = text(number);
    run(Key {
        hash: mix(number + 1),
        bytes: &bytes,
    })
}

fn insert(store: &mut Store<Response>, number: u64) {
    let value = Response(Arc::new(number));
    let taken = with_key(number, |key| store.insert(key, value, |_| true));
    taken.expect("it is much smaller than the store");
}

fn find(store: &mut Store<Response>, number: u64) -> Option<u64> {
    with_key(number, |key| {
        let found = store.find(black_box(key), |value| *value.0 < u64::MAX)?;
        Some(*found.value.0)
    })
}

fn filled(entries: u64, limit: usize) -> Store<Response> {
    let mut store = Store::new(limit);
    (0..entries).for_each(|number| insert(&mut store, number));
    store
}

fn hits(c: &mut Criterion) {
    let mut group = c.benchmark_group("store/find");
    for entries in SIZES {
        let mut store = filled(entries, usize::MAX);
        assert!((0..entries).all(|number| find(&mut store, number) == Some(number)));
        // Where the memory of all of them is wanted, and where that of a few.
        for (name, asked) in [("any", entries), ("hot", HOT)] {
            let mut turn = 0;
            group.bench_function(BenchmarkId::new(name, entries), |b| {
                b.iter(|| {
                    turn += 1;
                    let number = mix(turn) % asked * (entries / asked);
                    find(&mut store, number)
                });
            });
        }
        assert_eq!(find(&mut store, entries), None);
        let mut turn = entries;
        group.bench_function(BenchmarkId::new("miss", entries), |b| {
            b.iter(|| {
                turn += 1;
                find(&mut store, turn)
            });
        });
    }
    group.finish();
}

fn evict(c: &mut Criterion) {
    let mut group = c.benchmark_group("store/insert_and_evict");
    for entries in SIZES {
        let limit = filled(entries, usize::MAX).bytes();
        let mut store = filled(entries, limit);
        let mut next = entries;
        for number in 0..2 * entries {
            insert(&mut store, next);
            assert!(number > 0 || find(&mut store, next) == Some(next));
            next += 1;
        }
        assert!(store.stats().evictions >= entries && store.bytes() <= limit);
        group.bench_function(BenchmarkId::from_parameter(entries), |b| {
            b.iter(|| {
                next += 1;
                insert(&mut store, next);
            });
        });
        assert!(store.bytes() <= limit);
    }
    group.finish();
}

criterion_group!(benches, hits, evict);
criterion_main!(benches);
