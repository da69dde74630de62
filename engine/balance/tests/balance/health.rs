//! Passive ejection: what takes a server out, for how long, and how many at once.

use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::{Group, Outcome, Picker, Transition, TransitionCounts, Want};
use ringfence_config::{Balance, Upstream};

use crate::upstreams::*;

fn fail(picker: &mut Picker, ix: usize, times: u32, now: Duration) -> Option<Transition> {
    (0..times)
        .filter_map(|_| exchange_with(picker, ix, Outcome::Failure, now))
        .last()
}

fn both(upstream: &Upstream) -> (Arc<Group>, Picker) {
    let group = group(upstream);
    (Arc::clone(&group), Picker::new(group, 1))
}

fn returned(group: &Group, now: Duration) -> Vec<usize> {
    let mut all = Vec::new();
    group.sweep(now, |ix, transition| {
        assert_eq!(transition, Transition::Returned);
        all.push(ix);
    });
    all
}

#[test]
fn failures_in_a_row_eject_and_time_brings_back() {
    for balance in ALL {
        let (group, mut picker) = both(&upstream(balance, servers(3)));
        assert_eq!(fail(&mut picker, 0, 2, s(100)), None);
        assert_eq!(
            exchange_with(&mut picker, 0, Outcome::Success, s(100)),
            None
        );
        assert_eq!(
            fail(&mut picker, 0, 2, s(100)),
            None,
            "a success in between starts the count again"
        );
        assert_eq!(
            exchange_with(&mut picker, 0, Outcome::Abandoned, s(100)),
            None
        );
        let until = s(130);
        assert_eq!(
            fail(&mut picker, 0, 1, s(100)),
            Some(Transition::Ejected { until })
        );
        assert_eq!(group.servers[0].ejected_until(s(129)), Some(until));
        assert_eq!(counts(&mut picker, 300, s(129))[0], 0, "{balance:?}");
        assert!(returned(&group, s(129)).is_empty());
        let ms = Duration::from_millis(1);
        assert!(
            counts(&mut picker, 300, until + ms)[0] > 0,
            "{balance:?}: without a sweep"
        );
        assert_eq!(returned(&group, s(131)), [0]);
        assert!(returned(&group, s(131)).is_empty(), "reported once");
        let counts = TransitionCounts {
            ejected: 1,
            returned: 1,
            ..Default::default()
        };
        assert_eq!(group.servers[0].transitions(), counts);
    }
}

#[test]
fn another_workers_success_ends_a_run_of_failures() {
    let (group, mut one) = both(&upstream(Balance::RoundRobin, servers(2)));
    let mut two = Picker::new(group, 2);
    assert_eq!(fail(&mut one, 0, 2, s(100)), None);
    exchange_with(&mut two, 0, Outcome::Success, s(100));
    assert_eq!(fail(&mut one, 0, 2, s(100)), None);
    assert!(
        fail(&mut two, 0, 1, s(100)).is_some(),
        "failures of all workers count together"
    );
}

#[test]
fn the_failure_rate_ejects_once_there_are_enough_requests() {
    let mut upstream = upstream(Balance::RoundRobin, servers(3));
    upstream.ejection.consecutive_failures = None;
    upstream.ejection.failure_rate = Some(0.5);
    let (_, mut picker) = both(&upstream);
    assert_eq!(
        fail(&mut picker, 0, 9, s(100)),
        None,
        "nine requests say nothing"
    );
    assert!(fail(&mut picker, 0, 1, s(100)).is_some());
    for _ in 0..40 {
        exchange_with(&mut picker, 1, Outcome::Success, s(200));
    }
    assert_eq!(fail(&mut picker, 1, 39, s(200)), None, "39 of 79");
    assert!(fail(&mut picker, 1, 1, s(200)).is_some(), "40 of 80");
    assert_eq!(fail(&mut picker, 2, 9, s(300)), None);
    assert_eq!(
        fail(&mut picker, 2, 9, s(311)),
        None,
        "the first nine are past the window"
    );
}

#[test]
fn ejections_grow_and_late_failures_do_not_count() {
    let (group, mut picker) = both(&upstream(Balance::RoundRobin, servers(3)));
    fail(&mut picker, 0, 3, s(100));
    assert_eq!(
        fail(&mut picker, 0, 10, s(110)),
        None,
        "they were under way"
    );
    assert_eq!(fail(&mut picker, 0, 2, s(131)), None, "a clean sheet");
    assert_eq!(
        fail(&mut picker, 0, 1, s(131)),
        Some(Transition::Ejected { until: s(191) })
    );
    assert_eq!(returned(&group, s(500)), [0]);
    assert_eq!(
        fail(&mut picker, 0, 3, s(500)),
        Some(Transition::Ejected { until: s(530) }),
        "forgiven"
    );
}

#[test]
fn no_more_than_the_share_is_ejected() {
    let (group, mut picker) = both(&upstream(Balance::RoundRobin, servers(5)));
    let ejected = |now| {
        group
            .servers
            .iter()
            .filter(|server| server.ejected_until(now).is_some())
            .count()
    };
    for ix in 0..5 {
        assert_eq!(fail(&mut picker, ix, 3, s(100)).is_some(), ix < 2);
    }
    assert_eq!(ejected(s(100)), 2);
    assert!(
        fail(&mut picker, 4, 1, s(131)).is_some(),
        "a place is free again, though nobody swept"
    );
    assert_eq!(returned(&group, s(131)), [0, 1]);
    assert!(fail(&mut picker, 3, 1, s(131)).is_some());
    assert_eq!(fail(&mut picker, 2, 1, s(131)), None);
    assert_eq!(ejected(s(131)), 2);
}

#[test]
fn the_only_server_is_never_ejected_and_one_of_two_always_may_be() {
    let mut one = upstream(Balance::RoundRobin, servers(1));
    one.ejection.max_share = 0.9;
    assert_eq!(fail(&mut both(&one).1, 0, 50, s(1)), None);
    let mut two = upstream(Balance::RoundRobin, servers(2));
    two.ejection.max_share = 0.0;
    let (_, mut picker) = both(&two);
    assert!(fail(&mut picker, 0, 3, s(1)).is_some());
    assert_eq!(fail(&mut picker, 1, 3, s(1)), None);
}

#[test]
fn slow_start_follows_an_ejection() {
    let mut upstream = upstream(Balance::RoundRobin, servers(2));
    upstream.slow_start = s(160);
    let (_, mut picker) = both(&upstream);
    assert_eq!(
        fail(&mut picker, 0, 3, s(100)),
        Some(Transition::Ejected { until: s(130) })
    );
    let share = |picker: &mut Picker, now| counts(picker, 1_700, now)[0];
    assert_eq!(share(&mut picker, s(129)), 0);
    assert_eq!(share(&mut picker, s(130)), 100, "1 of 17");
    assert_eq!(share(&mut picker, s(300)), 850);
}

#[test]
fn coming_up_wipes_the_slate() {
    let (group, mut picker) = both(&upstream(Balance::RoundRobin, servers(2)));
    fail(&mut picker, 0, 2, s(1));
    assert_eq!(group.servers[0].check_failed(), Some(Transition::Down));
    assert!(!group.servers[0].is_up() && group.servers[0].check_failed().is_none());
    assert_eq!(group.servers[0].check_passed(s(2)), Some(Transition::Up));
    assert_eq!(fail(&mut picker, 0, 2, s(2)), None);
    assert_eq!(
        picker.pick(
            &Want {
                tried: &[1],
                ..Want::default()
            },
            s(2)
        ),
        Ok(0)
    );
    let counts = TransitionCounts {
        up: 1,
        down: 1,
        ..Default::default()
    };
    assert_eq!(group.servers[0].transitions(), counts);
}

#[test]
fn a_server_that_is_down_takes_no_place_among_the_ejected() {
    let (group, mut picker) = both(&upstream(Balance::RoundRobin, servers(3)));
    group.servers[0].check_failed();
    assert_eq!(fail(&mut picker, 0, 9, s(1)), None);
    assert!(fail(&mut picker, 1, 3, s(1)).is_some());
}

#[test]
fn a_last_resort_that_answers_is_no_longer_ejected() {
    const NOW: Duration = Duration::from_secs(100);
    let group = group(&upstream(Balance::RoundRobin, servers(2)));
    let mut picker = Picker::new(Arc::clone(&group), 1);
    for _ in 0..3 {
        exchange_with(&mut picker, 0, Outcome::Failure, NOW);
    }
    assert!(group.servers[0].ejected_until(NOW).is_some());
    let elsewhere = Want {
        tried: &[1],
        ..Want::default()
    };
    assert_eq!(picker.pick(&elsewhere, NOW), Ok(0));
    exchange_with(&mut picker, 0, Outcome::Success, NOW);
    assert!(group.servers[0].is_available(NOW));
    let mut returned = 0;
    group.sweep(NOW, |_, _| returned += 1);
    assert_eq!(returned, 1, "its return is reported once");
}
