//! What it costs to choose a server, for every balancer, among 3 servers and among 1,000.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringfence_balance::{Group, Outcome, Picker, Resolved, Roster, StickySecret, Want, hash_key};
use ringfence_config::{
    Balance, Check, CheckKind, Ejection, Endpoint, HashKey, Pool, Queue, RetryBudget, Server,
    ServerAddress, Upstream,
};

/// This one is down: no answer may be it.
const DOWN: usize = 1;

fn server(ix: usize) -> Server {
    let address = ([10, 0, (ix >> 8) as u8, ix as u8], 8080).into();
    Server {
        address: ServerAddress::Fixed(Endpoint::Tcp(address)),
        label: None,
        weight: 1 + ix as u32 % 3,
        backup: false,
        drain: false,
        max_connections: None,
    }
}

fn upstream(balance: Balance, servers: usize) -> Upstream {
    let second = Duration::from_secs(1);
    Upstream {
        name: "app".into(),
        servers: (0..servers).map(server).collect(),
        balance,
        hash_key: HashKey::Ip,
        check: Some(Check {
            kind: CheckKind::Tcp,
            interval: second,
            timeout: second,
            rise: 1,
            fall: 1,
            jitter: 0.0,
        }),
        ejection: Ejection {
            consecutive_failures: Some(5),
            failure_rate: Some(0.5),
            window: 10 * second,
            min_requests: 20,
            base_time: 30 * second,
            max_time: 300 * second,
            max_share: 0.5,
            panic_threshold: 0.1,
        },
        sticky: None,
        queue: Queue {
            size: 0,
            timeout: second,
        },
        slow_start: 30 * second,
        pool: Pool {
            size: 0,
            idle_timeout: second,
            max_age: None,
            max_requests: None,
        },
        retry_budget: RetryBudget {
            share: 0.2,
            min_per_second: 10,
        },
        host: None,
    }
}

fn group(balance: Balance, servers: usize) -> Arc<Group> {
    let plan = upstream(balance, servers);
    let secret = StickySecret([1; 16]);
    let roster = Roster::build(
        std::slice::from_ref(&plan),
        &Resolved::default(),
        secret,
        None,
    );
    let group = Arc::clone(&roster.groups[0]);
    assert!(group.servers[DOWN].check_failed().is_some());
    group
}

/// A whole exchange as the picker sees it; answers the server.
fn exchange(picker: &mut Picker, request: u64) -> usize {
    // Ten thousand requests a second, five milliseconds each.
    let now = Duration::from_micros(100 * request);
    let want = Want {
        key: Some(black_box(request).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        ..Want::default()
    };
    let ix = picker.pick(&want, now).expect("servers are up");
    assert_ne!(ix, DOWN);
    picker.started(ix);
    let failure = picker.finished(ix, Outcome::Success, Duration::from_millis(5), now);
    assert!(failure.is_none());
    ix
}

fn pick(c: &mut Criterion) {
    let mut table = c.benchmark_group("pick");
    for balance in Balance::ALL {
        for servers in [3, 1_000] {
            let mut picker = Picker::new(group(*balance, servers), 1);
            let mut counts = vec![0u64; servers];
            let mut request = 0;
            table.bench_function(BenchmarkId::new(balance.as_str(), servers), |b| {
                b.iter(|| {
                    request += 1;
                    counts[exchange(&mut picker, request)] += 1;
                });
            });
            // Too few requests say nothing: the benchmark was only tried out, or left out.
            if request > 100 * servers as u64 {
                let used = counts.iter().filter(|count| **count > 0).count();
                assert_eq!(used, servers - 1, "{balance}: all that are up are used");
            }
        }
    }
    table.finish();
}

fn key(c: &mut Criterion) {
    assert_eq!(hash_key(b"192.0.2.1"), 14_743_611_896_334_014_937);
    c.bench_function("pick/hash_key", |b| {
        b.iter(|| hash_key(black_box(b"192.0.2.1")))
    });
}

criterion_group!(benches, pick, key);
criterion_main!(benches);
