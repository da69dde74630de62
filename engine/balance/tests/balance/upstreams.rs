//! Upstreams to test with.

use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::{Group, Outcome, Picker, Resolved, Roster, StickySecret, Transition, Want};
use ringfence_config::*;

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A plain server on a port of its own.
pub(crate) fn server(port: u16) -> Server {
    Server {
        address: ServerAddress::Fixed(Endpoint::Tcp(([127, 0, 0, 1], port).into())),
        label: None,
        weight: 1,
        backup: false,
        max_connections: None,
    }
}

/// One failed check takes a server down, three failures in a row eject it, there is no panic.
pub(crate) fn upstream(balance: Balance, servers: Vec<Server>) -> Upstream {
    Upstream {
        name: "app".into(),
        servers,
        balance,
        hash_key: HashKey::Ip,
        check: Some(Check {
            kind: CheckKind::Tcp,
            interval: s(2),
            timeout: s(1),
            rise: 1,
            fall: 1,
            jitter: 0.0,
        }),
        ejection: Ejection {
            consecutive_failures: Some(3),
            failure_rate: None,
            window: s(10),
            min_requests: 10,
            base_time: s(30),
            max_time: s(300),
            max_share: 0.5,
            panic_threshold: 0.0,
        },
        sticky: None,
        queue: Queue {
            size: 0,
            timeout: s(1),
        },
        slow_start: Duration::ZERO,
        pool: Pool {
            size: 8,
            idle_timeout: s(60),
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

pub(crate) const ALL: [Balance; 7] = [
    Balance::RoundRobin,
    Balance::Weighted,
    Balance::LeastConn,
    Balance::IpHash,
    Balance::ConsistentHash,
    Balance::P2c,
    Balance::Random,
];

pub(crate) const SECRET: StickySecret = StickySecret([7; 16]);

/// A group of one upstream with nothing to resolve.
pub(crate) fn group(upstream: &Upstream) -> Arc<Group> {
    let roster = Roster::build(
        std::slice::from_ref(upstream),
        &Resolved::default(),
        SECRET,
        None,
    );
    Arc::clone(&roster.groups[0])
}

/// `count` plain servers.
pub(crate) fn servers(count: u16) -> Vec<Server> {
    (1..=count).map(server).collect()
}

/// One whole exchange that ends at once.
pub(crate) fn exchange(
    picker: &mut Picker,
    want: &Want<'_>,
    outcome: Outcome,
    now: Duration,
) -> usize {
    let ix = picker.pick(want, now).expect("a server is available");
    exchange_with(picker, ix, outcome, now);
    ix
}

/// One whole exchange with a server that was picked before.
pub(crate) fn exchange_with(
    picker: &mut Picker,
    ix: usize,
    outcome: Outcome,
    now: Duration,
) -> Option<Transition> {
    picker.started(ix);
    picker.finished(ix, outcome, Duration::from_millis(5), now)
}

/// How many of `picks` sequential good exchanges each server gets.
pub(crate) fn counts(picker: &mut Picker, picks: u32, now: Duration) -> Vec<u32> {
    let mut counts = vec![0; picker.group().servers.len()];
    for _ in 0..picks {
        counts[exchange(picker, &Want::default(), Outcome::Success, now)] += 1;
    }
    counts
}
