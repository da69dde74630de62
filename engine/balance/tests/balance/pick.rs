//! What every policy does with weights, keys, backups, limits, stickiness and recovery.

use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::{NoPick, Outcome, Picker, Transition, Want, hash_key};
use ringfence_config::{Balance, SameSite, Sticky, Upstream};

use crate::upstreams::*;

fn sticky(mut upstream: Upstream) -> Upstream {
    upstream.sticky = Some(Sticky {
        cookie: "edge".into(),
        ttl: None,
        path: "/".into(),
        domain: None,
        secure: false,
        http_only: true,
        same_site: SameSite::Lax,
        secret: None,
    });
    upstream
}

#[test]
fn every_policy_uses_all_servers_evenly() {
    for balance in ALL {
        let mut picker = Picker::new(group(&upstream(balance, servers(4))), 1);
        let counts = counts(&mut picker, 8_000, s(1));
        assert!(
            counts.iter().all(|count| (1_700..2_300).contains(count)),
            "{balance:?}: {counts:?}"
        );
    }
}

#[test]
fn every_policy_but_random_respects_weights() {
    for balance in ALL {
        let mut servers = servers(3);
        servers[1].weight = 2;
        servers[2].weight = 5;
        let mut picker = Picker::new(group(&upstream(balance, servers)), 1);
        let counts = counts(&mut picker, 8_000, s(1));
        // One look at two servers cannot give one of three more than the chance of being looked at.
        let wanted = match balance {
            Balance::Random => [2_667, 2_667, 2_667],
            _ => [1_000, 2_000, 5_000],
        };
        let near = counts
            .iter()
            .zip(wanted)
            .all(|(count, wanted)| count.abs_diff(wanted) < 400);
        assert!(near, "{balance:?}: {counts:?}");
    }
}

#[test]
fn a_server_that_is_down_gets_nothing_and_comes_back() {
    for balance in ALL {
        let group = group(&upstream(balance, servers(3)));
        let mut picker = Picker::new(Arc::clone(&group), 1);
        assert_eq!(group.servers[1].check_failed(), Some(Transition::Down));
        assert_eq!(counts(&mut picker, 300, s(1))[1], 0, "{balance:?}");
        assert_eq!(group.servers[1].check_passed(s(2)), Some(Transition::Up));
        assert!(counts(&mut picker, 300, s(2))[1] > 50, "{balance:?}");
    }
}

#[test]
fn nothing_to_choose_is_an_answer() {
    for balance in ALL {
        let none = group(&upstream(balance, Vec::new()));
        assert_eq!(
            Picker::new(none, 1).pick(&Want::default(), s(1)),
            Err(NoPick::NoServer)
        );
        let down = group(&upstream(balance, servers(2)));
        down.servers.iter().for_each(|server| {
            server.check_failed();
        });
        assert_eq!(
            Picker::new(down, 1).pick(&Want::default(), s(1)),
            Err(NoPick::NoServer)
        );
    }
}

#[test]
fn below_the_panic_threshold_servers_that_are_down_are_used_but_not_draining_ones() {
    for balance in ALL {
        let mut upstream = upstream(balance, servers(4));
        upstream.ejection.panic_threshold = 0.5;
        let group = group(&upstream);
        let mut picker = Picker::new(Arc::clone(&group), 1);
        group.servers[0].set_draining(true);
        group.servers[1].check_failed();
        assert_eq!(
            counts(&mut picker, 200, s(1))[..2],
            [0, 0],
            "{balance:?}: two of three is enough"
        );
        group.servers[2].check_failed();
        let counts = counts(&mut picker, 400, s(1));
        assert!(
            counts[0] == 0 && counts[1..].iter().all(|count| *count > 50),
            "{balance:?}: {counts:?}"
        );
    }
}

#[test]
fn tried_servers_are_left_out_until_no_other_is_left() {
    for balance in ALL {
        let mut picker = Picker::new(group(&upstream(balance, servers(3))), 1);
        for key in 0..50 {
            let mut tried = Vec::new();
            for _ in 0..3 {
                let want = Want {
                    key: Some(hash_key(&[key])),
                    tried: &tried,
                    ..Want::default()
                };
                let ix = exchange(&mut picker, &want, Outcome::Abandoned, s(1));
                assert!(!tried.contains(&ix), "{balance:?}");
                tried.push(ix);
            }
            let want = Want {
                tried: &tried,
                ..Want::default()
            };
            assert!(picker.pick(&want, s(1)).is_ok(), "{balance:?}");
        }
    }
}

#[test]
fn backups_are_for_when_no_primary_is_available() {
    for balance in ALL {
        let mut servers = servers(4);
        (servers[2].backup, servers[3].backup) = (true, true);
        (servers[0].max_connections, servers[1].max_connections) = (Some(1), Some(1));
        let group = group(&upstream(balance, servers));
        let mut picker = Picker::new(Arc::clone(&group), 1);
        assert_eq!(counts(&mut picker, 200, s(1))[2..], [0, 0], "{balance:?}");
        let tried = Want {
            tried: &[0, 1],
            ..Want::default()
        };
        assert!(
            picker.pick(&tried, s(1)).is_ok_and(|ix| ix >= 2),
            "{balance:?}: rather than a tried one"
        );
        let permits: Vec<_> = group.servers[..2]
            .iter()
            .map(|server| server.try_acquire())
            .collect();
        assert!(permits.iter().all(Option::is_some));
        let full = counts(&mut picker, 400, s(1));
        assert!(
            full[..2] == [0, 0] && full[2..].iter().all(|count| *count > 100),
            "{balance:?}: {full:?}"
        );
    }
}

#[test]
fn full_is_told_from_nothing_there() {
    for balance in ALL {
        let mut servers = servers(2);
        servers
            .iter_mut()
            .for_each(|server| server.max_connections = Some(2));
        let group = group(&upstream(balance, servers));
        let mut picker = Picker::new(Arc::clone(&group), 1);
        let mut permits = Vec::new();
        for _ in 0..4 {
            let ix = picker.pick(&Want::default(), s(1)).expect("four places");
            picker.started(ix);
            permits.push((
                ix,
                group.servers[ix]
                    .try_acquire()
                    .expect("nobody else is here"),
            ));
        }
        assert_eq!(
            picker.pick(&Want::default(), s(1)),
            Err(NoPick::Full),
            "{balance:?}"
        );
        assert!(group.servers[0].try_acquire().is_none() && group.servers[0].active() == 2);
        group.wait(9);
        let (ix, permit) = permits.pop().expect("four permits");
        assert_eq!(group.servers[ix].release(permit), Some(9));
        assert_eq!(
            picker.pick(
                &Want {
                    tried: &[1 - ix],
                    ..Want::default()
                },
                s(1)
            ),
            Ok(ix)
        );
        assert_eq!(
            picker.pick(
                &Want {
                    tried: &[ix],
                    ..Want::default()
                },
                s(1)
            ),
            Ok(ix),
            "tried but not full"
        );
    }
}

#[test]
fn a_limit_that_comes_or_goes_does_not_unbalance_the_count() {
    let mut limited = upstream(Balance::RoundRobin, servers(1));
    limited.servers[0].max_connections = Some(1);
    let group = group(&limited);
    let permit = group.servers[0].try_acquire().expect("free");
    assert_eq!(group.servers[0].release(permit), None);
    assert_eq!(group.servers[0].active(), 0);
    assert!(group.servers[0].try_acquire().is_some());
}

#[test]
fn the_same_key_gets_the_same_server_on_every_worker() {
    for balance in [Balance::IpHash, Balance::ConsistentHash] {
        let group = group(&upstream(balance, servers(10)));
        let mut workers: Vec<Picker> = (0..4)
            .map(|seed| Picker::new(Arc::clone(&group), seed))
            .collect();
        group.servers[3].check_failed();
        for key in 0..500u32 {
            let want = Want {
                key: Some(hash_key(&key.to_le_bytes())),
                ..Want::default()
            };
            let mut picks = workers.iter_mut().map(|picker| picker.pick(&want, s(1)));
            let first = picks.next().expect("four workers");
            assert!(picks.all(|pick| pick == first));
        }
    }
}

#[test]
fn workers_do_not_march_in_step() {
    for balance in [
        Balance::RoundRobin,
        Balance::LeastConn,
        Balance::P2c,
        Balance::Weighted,
        Balance::Random,
    ] {
        let group = group(&upstream(balance, servers(8)));
        let first = |seed| {
            Picker::new(Arc::clone(&group), seed)
                .pick(&Want::default(), s(1))
                .expect("eight servers")
        };
        let mut firsts: Vec<usize> = (0..64).map(first).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert!(firsts.len() >= 6, "{balance:?}: {firsts:?}");
    }
}

#[test]
fn least_conn_goes_where_the_fewest_exchanges_are() {
    let mut picker = Picker::new(group(&upstream(Balance::LeastConn, servers(3))), 1);
    (0..6).for_each(|_| {
        let ix = picker.pick(&Want::default(), s(1)).expect("three servers");
        picker.started(ix);
    });
    assert_eq!([0, 1, 2].map(|ix| picker.in_flight(ix)), [2, 2, 2]);
    picker.finished(1, Outcome::Success, s(1), s(2));
    assert_eq!(picker.pick(&Want::default(), s(2)), Ok(1));
}

#[test]
fn p2c_avoids_slow_servers_and_failing_ones() {
    let mut upstream = upstream(Balance::P2c, servers(3));
    upstream.ejection.consecutive_failures = None;
    let mut picker = Picker::new(group(&upstream), 1);
    let mut counts = [0; 3];
    for step in 0..3_000u64 {
        let now = s(1) + Duration::from_millis(step);
        let ix = picker.pick(&Want::default(), now).expect("three servers");
        picker.started(ix);
        let outcome = if ix == 2 {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        let latency = Duration::from_millis(if ix == 1 { 200 } else { 5 });
        picker.finished(ix, outcome, latency, now);
        counts[ix] += 1;
    }
    assert!(
        counts[0] > 1_800 && counts[1] > 0 && counts[2] < 50,
        "{counts:?}"
    );
}

#[test]
fn a_successor_knows_the_latencies_of_its_predecessor() {
    let group = group(&upstream(Balance::P2c, servers(2)));
    let mut old = Picker::new(Arc::clone(&group), 1);
    for (ix, latency) in [(0, 900), (1, 5)] {
        old.started(ix);
        old.finished(ix, Outcome::Success, Duration::from_millis(latency), s(1));
    }
    let mut new = Picker::new(group, 2);
    new.inherit(&old);
    assert!((0..50).all(|_| new.pick(&Want::default(), s(1)) == Ok(1)));
}

#[test]
fn a_sticky_value_is_honoured_while_its_server_is_well() {
    for balance in ALL {
        let mut upstream = sticky(upstream(balance, servers(3)));
        upstream.servers[2].backup = true;
        let group = group(&upstream);
        let mut picker = Picker::new(Arc::clone(&group), 1);
        for ix in 0..3 {
            let value = group.sticky_value(ix).expect("sticky").to_owned();
            let want = Want {
                sticky: Some(value.as_bytes()),
                ..Want::default()
            };
            assert!(
                (0..20).all(|_| picker.pick(&want, s(1)) == Ok(ix)),
                "{balance:?}"
            );
            assert_ne!(
                picker.pick(
                    &Want {
                        tried: &[ix],
                        ..want
                    },
                    s(1)
                ),
                Ok(ix)
            );
            group.servers[ix].set_draining(true);
            assert_eq!(picker.pick(&want, s(1)), Ok(ix), "only new clients go");
            group.servers[ix].set_draining(false);
        }
        let junk = Want {
            sticky: Some(b"\xffjunk"),
            ..Want::default()
        };
        assert!(picker.pick(&junk, s(1)).is_ok());
    }
}

#[test]
fn a_server_that_comes_back_starts_slowly() {
    for balance in ALL {
        let mut upstream = upstream(balance, servers(4));
        upstream.slow_start = s(160);
        let group = group(&upstream);
        let mut picker = Picker::new(Arc::clone(&group), 1);
        assert!(
            counts(&mut picker, 4_000, s(999))[3] > 850,
            "{balance:?}: not at the start of the process"
        );
        group.servers[3].check_failed();
        group.servers[3].check_passed(s(1_000));
        // The plain share is 1 of 4: with weight w of the ramp, w / (3 + w).
        for (now, low, high) in [(1_000, 20, 180), (1_075, 400, 750), (1_160, 850, 1_150)] {
            let count = counts(&mut picker, 4_000, s(now))[3];
            assert!(
                (low..high).contains(&count),
                "{balance:?} at {now}: {count}"
            );
        }
    }
}

#[test]
fn keys_stay_where_they_were_when_all_servers_come_back_together() {
    let mut upstream = upstream(Balance::ConsistentHash, servers(4));
    upstream.slow_start = s(100);
    let group = group(&upstream);
    let mut picker = Picker::new(Arc::clone(&group), 1);
    let mut all = |now| -> Vec<_> {
        let want = |key: u32| Want {
            key: Some(hash_key(&key.to_le_bytes())),
            ..Want::default()
        };
        (0..200).map(|key| picker.pick(&want(key), now)).collect()
    };
    let before = all(s(1));
    for server in &group.servers {
        server.check_failed();
        server.check_passed(s(2));
    }
    assert_eq!(all(s(3)), before);
}
