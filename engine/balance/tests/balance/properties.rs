//! What must hold for any group in any state.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ringfence_balance::{Group, NoPick, Outcome, Permit, Picker, Want, hash_key};
use ringfence_config::{Balance, Server, Upstream};

use crate::upstreams::*;

/// A server and what befell it.
#[derive(Debug, Clone, Copy)]
struct Case {
    weight: u32,
    backup: bool,
    down: bool,
    draining: bool,
    ejected: bool,
    full: bool,
    tried: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let rarely = || prop::bool::weighted(0.3);
    (
        1u32..6,
        rarely(),
        rarely(),
        rarely(),
        rarely(),
        rarely(),
        rarely(),
    )
        .prop_map(
            |(weight, backup, down, draining, ejected, full, tried)| Case {
                weight,
                backup,
                down,
                draining,
                ejected,
                full,
                tried,
            },
        )
}

fn balance() -> impl Strategy<Value = Balance> {
    prop::sample::select(ALL.to_vec())
}

const NOW: Duration = s(100);

/// A group in which all that befell the servers happened. Ejections are up to the share: the cases are corrected.
fn happen(balance: Balance, threshold: f64, cases: &mut [Case]) -> (Arc<Group>, Vec<Permit>) {
    let server = |(ix, case): (usize, &Case)| Server {
        weight: case.weight,
        backup: case.backup,
        max_connections: case.full.then_some(1),
        ..server(ix as u16 + 1)
    };
    let mut upstream = upstream(balance, cases.iter().enumerate().map(server).collect());
    upstream.ejection.panic_threshold = threshold;
    let group = group(&upstream);
    let mut picker = Picker::new(Arc::clone(&group), 1);
    let mut permits = Vec::new();
    for (ix, case) in cases.iter_mut().enumerate() {
        let server = &group.servers[ix];
        if case.ejected {
            for _ in 0..3 {
                exchange_with(&mut picker, ix, Outcome::Failure, NOW);
            }
            case.ejected = server.ejected_until(NOW).is_some();
        }
        if case.down {
            server.check_failed();
        }
        server.set_draining(case.draining);
        permits.extend(
            case.full
                .then(|| server.try_acquire().expect("it was empty")),
        );
    }
    (group, permits)
}

/// The slow, obvious answer: all that may be picked.
fn oracle(cases: &[Case], threshold: f64) -> Result<Vec<usize>, NoPick> {
    let which = |want: &dyn Fn(&Case) -> bool| -> Vec<usize> {
        (0..cases.len()).filter(|ix| want(&cases[*ix])).collect()
    };
    let healthy = |case: &Case| !case.down && !case.ejected && !case.draining;
    let primaries = which(&|case| !case.backup && !case.draining);
    let good = which(&|case| !case.backup && healthy(case));
    let spare = which(&|case| case.backup && healthy(case));
    let panic = (good.len() as f64) < primaries.len() as f64 * threshold;
    let tiers = if !good.is_empty() {
        [if panic { primaries } else { good }, spare]
    } else if !spare.is_empty() {
        [spare, vec![]]
    } else if threshold > 0.0 && !primaries.is_empty() {
        [primaries, vec![]]
    } else if threshold > 0.0 {
        [which(&|case| !case.draining), vec![]]
    } else {
        [vec![], vec![]]
    };
    for again in [false, true] {
        if again && cases.iter().any(|case| case.tried) {
            let left = which(&|case| !case.tried && !case.draining && !case.full);
            let rank = |ix: &usize| (cases[*ix].down, cases[*ix].backup);
            if let Some(best) = left.iter().map(rank).min() {
                return Ok(left.into_iter().filter(|ix| rank(ix) == best).collect());
            }
        }
        for tier in &tiers {
            let open = |ix: &&usize| !cases[**ix].full && (again || !cases[**ix].tried);
            let open: Vec<usize> = tier.iter().filter(open).copied().collect();
            if !open.is_empty() {
                return Ok(open);
            }
        }
    }
    Err(if tiers.iter().all(Vec::is_empty) {
        NoPick::NoServer
    } else {
        NoPick::Full
    })
}

fn share_of(upstream: &Upstream) -> usize {
    let servers = upstream.servers.len();
    ((servers as f64 * upstream.ejection.max_share) as usize).max(usize::from(servers > 1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn only_what_may_be_picked_is_picked(
        balance in balance(),
        threshold in prop_oneof![Just(0.0), 0.0f64..1.0],
        mut cases in prop::collection::vec(case(), 0..10),
        seed: u64,
    ) {
        let (group, _permits) = happen(balance, threshold, &mut cases);
        let tried: Vec<usize> = (0..cases.len()).filter(|ix| cases[*ix].tried).collect();
        let allowed = oracle(&cases, threshold);
        let mut picker = Picker::new(group, seed);
        for key in 0..30u64 {
            let want = Want { key: (key % 2 == 0).then_some(hash_key(&key.to_le_bytes())), sticky: None, tried: &tried };
            let foretold = picker.preview(&want, NOW).map(|preview| preview.ix);
            prop_assert_eq!(picker.preview(&want, NOW).map(|preview| preview.ix), foretold);
            let picked = picker.pick(&want, NOW);
            prop_assert_eq!(picked, foretold, "what is chosen is what was foretold");
            match (picked, &allowed) {
                (Ok(ix), Ok(allowed)) => prop_assert!(allowed.contains(&ix), "{ix} not in {allowed:?}"),
                (found, allowed) => prop_assert_eq!(found.err(), allowed.as_ref().err().copied()),
            }
            if let Ok(ix) = picker.pick(&want, NOW) {
                picker.started(ix);
            }
        }
    }

    #[test]
    fn no_more_than_the_share_is_ever_ejected(
        servers in prop::collection::vec(Just(()), 1..12),
        max_share in 0.0f64..1.0,
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0u64..8_000, 0u8..10), 1..300),
    ) {
        let mut upstream = upstream(Balance::RoundRobin, (1..=servers.len() as u16).map(server).collect());
        upstream.ejection.max_share = max_share;
        upstream.ejection.consecutive_failures = Some(2);
        let group = group(&upstream);
        let mut picker = Picker::new(Arc::clone(&group), 1);
        let mut now = s(5);
        for (ix, wait, what) in steps {
            now += Duration::from_millis(wait);
            let ix = ix.index(servers.len());
            match what {
                0 => group.sweep(now, |_, _| ()),
                1 => assert!(exchange_with(&mut picker, ix, Outcome::Success, now).is_none()),
                _ => {
                    exchange_with(&mut picker, ix, Outcome::Failure, now);
                }
            }
            let out = group.servers.iter().filter(|server| server.ejected_until(now).is_some()).count();
            prop_assert!(out <= share_of(&upstream));
        }
        // And the places are all given back in the end.
        now += s(10_000);
        let mut out = 0;
        for ix in 0..servers.len() {
            let failures = (0..2).filter_map(|_| exchange_with(&mut picker, ix, Outcome::Failure, now));
            out += failures.count();
        }
        prop_assert_eq!(out, share_of(&upstream));
    }

    #[test]
    fn a_server_that_goes_down_moves_its_own_keys_only(
        count in 2u16..20,
        down in any::<prop::sample::Index>(),
    ) {
        let group = group(&upstream(Balance::ConsistentHash, servers(count)));
        let mut picker = Picker::new(Arc::clone(&group), 1);
        let keys: Vec<u64> = (0..500u64).map(|key| hash_key(&key.to_le_bytes())).collect();
        let pick = |picker: &mut Picker, key: u64| picker.pick(&Want { key: Some(key), ..Want::default() }, NOW);
        let before: Vec<_> = keys.iter().map(|key| pick(&mut picker, *key)).collect();
        let down = down.index(usize::from(count));
        group.servers[down].check_failed();
        for (key, before) in keys.iter().zip(&before) {
            let after = pick(&mut picker, *key);
            prop_assert!(after != Ok(down) && (after == *before || *before == Ok(down)));
        }
        group.servers[down].check_passed(NOW);
        for (key, before) in keys.iter().zip(&before) {
            prop_assert_eq!(pick(&mut picker, *key), *before);
        }
    }

    #[test]
    fn places_are_given_out_up_to_the_limit(limit in 1u32..6, steps in prop::collection::vec(any::<bool>(), 1..100)) {
        let mut upstream = upstream(Balance::RoundRobin, servers(1));
        upstream.servers[0].max_connections = Some(limit);
        let group = group(&upstream);
        let mut held = Vec::new();
        for take in steps {
            if take {
                let permit = group.servers[0].try_acquire();
                prop_assert_eq!(permit.is_some(), held.len() < limit as usize);
                held.extend(permit);
            } else if let Some(permit) = held.pop() {
                prop_assert_eq!(group.servers[0].release(permit), None);
            }
            prop_assert_eq!(group.servers[0].active() as usize, held.len());
        }
    }
}
