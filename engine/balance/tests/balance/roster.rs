//! Reloads and name resolution: what stays and what is new.

use std::net::IpAddr;
use std::sync::Arc;

use ringfence_balance::{Outcome, Picker, Resolved, Roster, Transition};
use ringfence_config::{Balance, Endpoint, ServerAddress, Upstream};

use crate::upstreams::*;

fn build(upstreams: &[Upstream], resolved: &Resolved, previous: &Roster) -> Roster {
    Roster::build(upstreams, resolved, SECRET, Some(previous))
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

#[test]
fn health_stays_with_the_address_and_the_rest_is_the_new_plans() {
    let mut plan = vec![upstream(Balance::RoundRobin, servers(3))];
    plan[0].servers[0].max_connections = Some(5);
    let first = Roster::build(&plan, &Resolved::default(), SECRET, None);
    let old = &first.groups[0];
    old.servers[0].set_draining(true);
    old.servers[1].check_failed();
    let permit = old.servers[0].try_acquire().expect("five places");
    let mut picker = Picker::new(Arc::clone(old), 1);
    for _ in 0..3 {
        exchange_with(&mut picker, 2, Outcome::Failure, s(10));
    }

    plan[0].servers.reverse();
    plan[0].servers[0].weight = 7;
    plan[0].servers[2].max_connections = Some(1);
    plan[0].servers.push(server(99));
    let second = build(&plan, &Resolved::default(), &first);
    let new = &second.groups[0].servers;
    assert_eq!(new[2].id, old.servers[0].id);
    assert!(new[2].is_draining() && new[2].is_full());
    assert!(!new[1].is_up());
    assert!(new[0].ejected_until(s(20)).is_some() && new[0].weight == 7);
    assert!(new[3].is_available(s(20)));
    assert!(
        first.groups[0]
            .servers
            .iter()
            .all(|server| server.id != new[3].id)
    );
    assert_eq!(new[2].release(permit), None);
    assert_eq!(old.servers[0].active(), 0, "one count for both plans");
}

#[test]
fn a_group_in_which_nothing_changed_is_the_same_one() {
    let mut plan = vec![
        upstream(Balance::RoundRobin, servers(2)),
        upstream(Balance::P2c, servers(2)),
    ];
    plan[1].name = "api".into();
    let first = Roster::build(&plan, &Resolved::default(), SECRET, None);
    plan.reverse();
    plan[0].servers[0].weight = 2;
    let second = build(&plan, &Resolved::default(), &first);
    assert!(Arc::ptr_eq(&first.groups[0], &second.groups[1]));
    assert!(!Arc::ptr_eq(&first.groups[1], &second.groups[0]));
    assert_ne!(
        second.groups[0].servers[0].id, second.groups[1].servers[0].id,
        "health is not shared between upstreams"
    );
}

#[test]
fn every_address_of_a_name_is_a_server() {
    let mut plan = vec![upstream(Balance::RoundRobin, servers(1))];
    let named = |host: &str| ServerAddress::Name {
        host: host.into(),
        port: 80,
    };
    plan[0].servers[0].address = named("app.internal");
    plan[0].servers[0].label = Some("app".into());
    plan[0].servers.push(server(1));
    plan[0].servers[1].address = named("other.internal");
    let labels = |roster: &Roster| -> Vec<String> {
        roster.groups[0]
            .servers
            .iter()
            .map(|server| server.label.to_string())
            .collect()
    };

    let mut resolved = Resolved::default();
    let empty = Roster::build(&plan, &resolved, SECRET, None);
    assert!(empty.groups[0].servers.is_empty());

    resolved.insert("app.internal", 80, ips(&["10.0.0.1"]));
    resolved.insert("app.internal", 81, ips(&["10.0.0.9"]));
    let one = build(&plan, &resolved, &empty);
    assert_eq!(labels(&one), ["app"]);
    one.groups[0].servers[0].check_failed();

    resolved.insert("app.internal", 80, ips(&["::1", "10.0.0.1"]));
    resolved.insert("other.internal", 80, ips(&["10.0.0.1", "10.0.0.2"]));
    let two = build(&plan, &resolved, &one);
    assert_eq!(
        labels(&two),
        ["app [::1]:80", "app 10.0.0.1:80", "10.0.0.2:80"],
        "each address once"
    );
    let servers = &two.groups[0].servers;
    assert_eq!(
        servers[1].endpoint,
        Endpoint::Tcp(([10, 0, 0, 1], 80).into())
    );
    assert!(servers[1].id == one.groups[0].servers[0].id && !servers[1].is_up());
}

#[test]
fn a_reload_that_removes_the_checks_does_not_leave_a_server_down() {
    let mut plan = vec![upstream(Balance::RoundRobin, servers(1))];
    let first = Roster::build(&plan, &Resolved::default(), SECRET, None);
    first.groups[0].servers[0].check_failed();
    plan[0].check = None;
    let second = build(&plan, &Resolved::default(), &first);
    assert!(second.groups[0].servers[0].is_up());
    assert_eq!(second.groups[0].servers[0].check_failed(), None);
}

#[test]
fn a_server_that_leaves_while_ejected_leaves_its_place_too() {
    let mut plan = vec![upstream(Balance::RoundRobin, servers(3))];
    let first = Roster::build(&plan, &Resolved::default(), SECRET, None);
    let eject = |roster: &Roster, ix| {
        let mut picker = Picker::new(Arc::clone(&roster.groups[0]), 1);
        (0..3)
            .filter_map(|_| exchange_with(&mut picker, ix, Outcome::Failure, s(1)))
            .last()
    };
    assert!(eject(&first, 0).is_some() && eject(&first, 1).is_none());
    plan[0].servers.remove(0);
    let second = build(&plan, &Resolved::default(), &first);
    assert_eq!(eject(&second, 0), None, "the old plan still holds it");
    drop(first);
    assert!(matches!(
        eject(&second, 0),
        Some(Transition::Ejected { .. })
    ));
}
