//! The lock-free parts under a model checker, which runs every interleaving up to a number of preemptions:
//! `RUSTFLAGS="--cfg loom" cargo test -p ringfence-balance --test loom --release`.
#![cfg(loom)]

use std::sync::Arc;

use loom::thread;
use ringfence_balance::{
    Group, Outcome, Permit, Picker, Resolved, Roster, StickySecret, Transition, WorkerIx,
};
use ringfence_config::{Balance, Upstream};

#[path = "balance/plans.rs"]
mod plans;

use plans::*;

/// Checks all interleavings with at most three preemptions: enough for all known bugs of this kind, and fast.
fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

fn plan(servers: u16) -> Upstream {
    let mut plan = upstream(Balance::RoundRobin, (1..=servers).map(server).collect());
    plan.ejection.consecutive_failures = Some(1);
    plan
}

fn group(plan: &Upstream) -> Arc<Group> {
    let secret = StickySecret([0; 16]);
    let roster = Roster::build(
        std::slice::from_ref(plan),
        &Resolved::default(),
        secret,
        None,
    );
    Arc::clone(&roster.groups[0])
}

fn limited(max: u32) -> Arc<Group> {
    let mut plan = plan(1);
    plan.servers[0].max_connections = Some(max);
    group(&plan)
}

/// Runs `work` on another thread.
fn on<T: 'static>(
    group: &Arc<Group>,
    work: impl FnOnce(&Group) -> T + 'static,
) -> thread::JoinHandle<T> {
    let group = Arc::clone(group);
    thread::spawn(move || work(&group))
}

fn fail(group: &Arc<Group>, ix: usize, now: u64) -> Option<Transition> {
    let mut picker = Picker::new(Arc::clone(group), 0);
    picker.started(ix);
    picker.finished(ix, Outcome::Failure, s(0), s(now))
}

fn ejected(group: &Group, now: u64) -> usize {
    group
        .servers
        .iter()
        .filter(|server| server.ejected_until(s(now)).is_some())
        .count()
}

#[test]
fn no_more_places_are_given_out_than_there_are() {
    model(|| {
        let group = limited(2);
        let others = [(); 2].map(|()| on(&group, |group| group.servers[0].try_acquire()));
        let mine = group.servers[0].try_acquire();
        let mut permits: Vec<Permit> = others
            .into_iter()
            .filter_map(|t| t.join().unwrap())
            .collect();
        permits.extend(mine);
        assert_eq!((permits.len(), group.servers[0].active()), (2, 2));
        permits
            .into_iter()
            .for_each(|permit| assert_eq!(group.servers[0].release(permit), None));
        assert_eq!(group.servers[0].active(), 0);
    });
}

#[test]
fn a_place_can_be_taken_while_another_comes_back() {
    model(|| {
        let group = limited(1);
        let held = group.servers[0].try_acquire().expect("free");
        let other = on(&group, |group| group.servers[0].try_acquire());
        assert_eq!(group.servers[0].release(held), None);
        let taken = other.join().unwrap();
        assert_eq!(group.servers[0].active(), u32::from(taken.is_some()));
    });
}

/// What a worker does with a request that found the group full: `None` = it sleeps until it is woken.
fn wait(group: &Group, worker: WorkerIx) -> Option<Permit> {
    group.wait(worker);
    group.servers[0].try_acquire()
}

/// A worker got its place: its mark goes, or the wake-up that was on its way goes to another.
fn served(group: &Group, worker: WorkerIx, permit: Permit, calls: &mut Vec<WorkerIx>) {
    calls.extend(group.stop_waiting(worker));
    calls.extend(group.servers[0].release(permit));
}

#[test]
fn no_wake_up_is_lost() {
    model(|| {
        let group = limited(1);
        let held = group.servers[0].try_acquire().expect("free");
        let waiter = on(&group, |group| wait(group, 1));
        let called = group.servers[0].release(held);
        let permit = waiter.join().unwrap();
        assert!(
            permit.is_some() || called == Some(1),
            "the waiter sleeps for ever"
        );
    });
}

#[test]
fn all_who_wait_are_served_in_the_end() {
    model(|| {
        let group = limited(1);
        let held = group.servers[0].try_acquire().expect("free");
        let waiters = [1, 2].map(|worker| (worker, on(&group, move |group| wait(group, worker))));
        let mut calls: Vec<WorkerIx> = group.servers[0].release(held).into_iter().collect();
        let mut asleep = Vec::new();
        for (worker, thread) in waiters {
            match thread.join().unwrap() {
                Some(permit) => served(&group, worker, permit, &mut calls),
                None => asleep.push(worker),
            }
        }
        while let Some(worker) = calls.pop() {
            let Some(at) = asleep.iter().position(|other| *other == worker) else {
                continue;
            };
            let permit = wait(&group, worker).expect("nobody else is left");
            asleep.remove(at);
            served(&group, worker, permit, &mut calls);
        }
        assert!(asleep.is_empty(), "these sleep for ever: {asleep:?}");
    });
}

#[test]
fn a_wake_up_for_one_who_left_goes_to_another() {
    model(|| {
        let group = limited(1);
        let held = group.servers[0].try_acquire().expect("free");
        group.wait(1);
        group.wait(2);
        let leaver = on(&group, |group| group.stop_waiting(1));
        let called = group.servers[0].release(held);
        let passed_on = leaver.join().unwrap();
        assert!(
            called == Some(2) || passed_on == Some(2),
            "the other sleeps for ever"
        );
    });
}

#[test]
fn concurrent_failures_eject_no_more_than_the_share() {
    model(|| {
        let group = group(&plan(3));
        let other = {
            let group = Arc::clone(&group);
            thread::spawn(move || fail(&group, 1, 100))
        };
        let mine = fail(&group, 0, 100);
        let other = other.join().unwrap();
        assert!(mine.is_some() != other.is_some(), "one of three");
        assert_eq!(ejected(&group, 100), 1);
    });
}

#[test]
fn one_ejection_is_reported_once() {
    model(|| {
        let group = group(&plan(3));
        let other = {
            let group = Arc::clone(&group);
            thread::spawn(move || fail(&group, 0, 100))
        };
        let mine = fail(&group, 0, 100);
        let other = other.join().unwrap();
        assert!(mine.is_some() != other.is_some());
        assert_eq!(group.servers[0].transitions().ejected, 1);
        group.sweep(s(1_000), |_, _| ());
        assert!(fail(&group, 1, 1_000).is_some(), "its place was given back");
    });
}

#[test]
fn places_of_the_ejected_are_neither_lost_nor_doubled() {
    model(|| {
        let group = group(&plan(3));
        assert!(fail(&group, 0, 100).is_some());
        // Its time is over: it is swept, ejected again, and its place is wanted for another, all at once.
        let sweeper = on(&group, |group| {
            let mut returns = 0;
            group.sweep(s(131), |_, _| returns += 1);
            returns
        });
        let other = {
            let group = Arc::clone(&group);
            thread::spawn(move || fail(&group, 1, 131))
        };
        fail(&group, 0, 131);
        other.join().unwrap();
        assert!(sweeper.join().unwrap() <= 1);
        assert!(ejected(&group, 131) <= 1);
        group.sweep(s(5_000), |_, _| ());
        assert!(fail(&group, 2, 5_000).is_some() && fail(&group, 1, 5_000).is_none());
    });
}

#[test]
fn a_check_result_changes_the_state_once() {
    model(|| {
        let group = group(&plan(1));
        let other = on(&group, |group| group.servers[0].check_failed());
        let mine = group.servers[0].check_failed();
        assert!(mine.is_some() != other.join().unwrap().is_some());
        let other = on(&group, |group| group.servers[0].check_passed(s(2)));
        let mine = group.servers[0].check_passed(s(2));
        assert!(mine.is_some() != other.join().unwrap().is_some());
        assert!(group.servers[0].is_up());
    });
}

#[test]
fn a_change_of_health_reaches_the_picker() {
    model(|| {
        let group = group(&plan(2));
        let checker = on(&group, |group| group.servers[0].check_failed());
        let mut picker = Picker::new(Arc::clone(&group), 1);
        picker.pick(&Default::default(), s(1)).expect("one is up");
        checker.join().unwrap();
        assert_eq!(picker.pick(&Default::default(), s(1)), Ok(1));
        assert_eq!(picker.pick(&Default::default(), s(1)), Ok(1));
    });
}

#[test]
fn no_count_of_the_window_is_lost() {
    model(|| {
        let mut plan = plan(3);
        plan.ejection.consecutive_failures = None;
        plan.ejection.failure_rate = Some(1.0);
        plan.ejection.min_requests = 2;
        let group = group(&plan);
        let other = {
            let group = Arc::clone(&group);
            thread::spawn(move || fail(&group, 0, 100))
        };
        let mine = fail(&group, 0, 100);
        assert!(
            mine.is_some() != other.join().unwrap().is_some(),
            "the second of two sees both"
        );
    });
}
