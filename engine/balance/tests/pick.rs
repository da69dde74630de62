//! Every policy through the public interface: a roster, pickers, and the health of servers.

use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::{
    Group, NoPick, Outcome, Picker, Resolved, Roster, StickySecret, Transition, Want,
};
use ringfence_config::*;

const SECRET: StickySecret = StickySecret([7; 16]);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn server(port: u16) -> Server {
    Server {
        address: ServerAddress::Fixed(Endpoint::Tcp(([127, 0, 0, 1], port).into())),
        label: None,
        weight: 1,
        backup: false,
        max_connections: None,
    }
}

fn upstream(balance: Balance, servers: Vec<Server>) -> Upstream {
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

fn group(upstream: &Upstream) -> Arc<Group> {
    let roster = Roster::build(
        std::slice::from_ref(upstream),
        &Resolved::default(),
        SECRET,
        None,
    );
    Arc::clone(&roster.groups[0])
}

const ALL: [Balance; 7] = [
    Balance::RoundRobin,
    Balance::Weighted,
    Balance::LeastConn,
    Balance::IpHash,
    Balance::ConsistentHash,
    Balance::P2c,
    Balance::Random,
];

fn exchange(picker: &mut Picker, now: Duration) -> usize {
    let ix = picker
        .pick(&Want::default(), now)
        .expect("a server is available");
    picker.started(ix);
    picker.finished(ix, Outcome::Success, Duration::from_millis(5), now);
    ix
}

#[test]
fn every_policy_uses_all_servers_evenly() {
    for balance in ALL {
        let group = group(&upstream(balance, (1..=4).map(server).collect()));
        let mut picker = Picker::new(group, 1);
        let mut counts = [0u32; 4];
        for step in 0..8_000u64 {
            counts[exchange(&mut picker, Duration::from_millis(step))] += 1;
        }
        assert!(
            counts.iter().all(|count| (1_700..2_300).contains(count)),
            "{balance:?}: {counts:?}"
        );
    }
}

#[test]
fn a_server_that_is_down_gets_nothing_and_comes_back() {
    for balance in ALL {
        let group = group(&upstream(balance, (1..=3).map(server).collect()));
        let mut picker = Picker::new(Arc::clone(&group), 1);
        assert_eq!(group.servers[1].check_failed(), Some(Transition::Down));
        assert!(
            (0..300).all(|_| exchange(&mut picker, s(1)) != 1),
            "{balance:?}"
        );
        assert_eq!(group.servers[1].check_passed(s(2)), Some(Transition::Up));
        assert!(
            (0..300).any(|_| exchange(&mut picker, s(2)) == 1),
            "{balance:?}"
        );
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
    }
}

#[test]
fn a_group_that_did_not_change_is_the_same_one_after_a_reload() {
    let build = |upstream: &Upstream, previous: Option<&Roster>| {
        let upstreams = std::slice::from_ref(upstream);
        Roster::build(upstreams, &Resolved::default(), SECRET, previous)
    };
    let mut plan = upstream(Balance::LeastConn, vec![server(1), server(2)]);
    let first = build(&plan, None);
    let again = build(&plan, Some(&first));
    assert!(Arc::ptr_eq(&first.groups[0], &again.groups[0]));
    plan.servers[1].weight = 2;
    let changed = build(&plan, Some(&again));
    assert!(!Arc::ptr_eq(&again.groups[0], &changed.groups[0]));
    assert_eq!(
        again.groups[0].servers[1].id,
        changed.groups[0].servers[1].id
    );
}
