//! What it costs to take an idle upstream connection and to put it back.

use std::hint::black_box;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence_balance::ServerId;
use ringfence_config::Pool as Policy;
use ringfence_io::{RunOptions, Stream, run};
use ringfence_proxy::pool::{Berth, Link, Pool, Source, Spill};

const POLICY: Policy = Policy {
    size: 64,
    idle_timeout: Duration::from_secs(60),
    max_age: None,
    max_requests: None,
};

fn now() -> Duration {
    Duration::from_secs(1)
}

/// `count` links and their far ends, which keep them alive.
fn links(count: usize) -> (Vec<Link>, Vec<UnixStream>) {
    let link = |_| {
        let (near, far) = UnixStream::pair().expect("a socket pair");
        near.set_nonblocking(true).expect("non-blocking");
        (
            Link::fresh(Stream::attach(near.into()).expect("on this core"), now()),
            far,
        )
    };
    (0..count).map(link).unzip()
}

fn take_and_put(c: &mut Criterion) {
    let on_a_core = run(&RunOptions::default(), async {
        {
            let (held, _far) = links(32);
            let (spill, mut pool) = (Arc::new(Spill::new(1)), Pool::new(1024));
            let berth = Berth {
                server: ServerId(1),
                spill: &spill,
                policy: &POLICY,
            };
            held.into_iter()
                .for_each(|link| pool.put(link, &berth, 64, now()));
            c.bench_function("pool/own", |b| {
                b.iter(|| {
                    let (link, source) = pool.take(black_box(&berth), now()).expect("one is idle");
                    assert_eq!(source, Source::Own);
                    pool.put(link, &berth, 64, now());
                });
            });
            assert_eq!(pool.idle(), 32);
        }
        let (mut held, _far) = links(1);
        let spill = Arc::new(Spill::new(256));
        let berth = Berth {
            server: ServerId(1),
            spill: &spill,
            policy: &POLICY,
        };
        let mut full = Pool::new(1024);
        let (plug, _plug_far) = links(1);
        plug.into_iter().for_each(|link| {
            full.put(
                link,
                &Berth {
                    server: ServerId(1),
                    ..berth
                },
                1,
                now(),
            )
        });
        let mut empty = Pool::new(1024);
        c.bench_function("pool/spill", |b| {
            b.iter(|| {
                full.put(held.pop().expect("one is in hand"), &berth, 1, now());
                let (link, source) = empty.take(&berth, now()).expect("it was spilled");
                assert_eq!(source, Source::Spill);
                held.push(link);
            });
        });
    });
    on_a_core.expect("a core");
}

criterion_group!(benches, take_and_put);
criterion_main!(benches);
