//! Groups to test with, and exchanges with their servers.

use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::{Group, Outcome, Picker, Resolved, Roster, StickySecret, Transition, Want};
use ringfence_config::{Balance, Server, Upstream};

pub(crate) use crate::plans::*;

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
