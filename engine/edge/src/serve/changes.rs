//! What a reload changes, in words for the one who asked for it.

use ringfence_config::{Action, Plan, Route, UpstreamId};

/// One line for each thing that differs between two plans, and for each in which the new one differs from the plan that
/// the process was `started` with and can't change while it runs.
pub(crate) fn describe(started: &Plan, old: &Plan, new: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let listeners = |plan: &Plan| {
        plan.listeners
            .iter()
            .map(|l| (l.address.to_string(), ()))
            .collect()
    };
    compare(&mut lines, "listener", listeners(old), listeners(new));
    let routes = |plan: &Plan| plan.routes.iter().map(|r| by_name(plan, r)).collect();
    compare(&mut lines, "route", routes(old), routes(new));
    let upstreams = |plan: &Plan| {
        plan.upstreams
            .iter()
            .map(|u| (u.name.clone(), u.clone()))
            .collect()
    };
    compare(&mut lines, "upstream", upstreams(old), upstreams(new));
    lines.extend(
        settings(old, new)
            .into_iter()
            .map(|name| format!("changed: {name}")),
    );
    lines.extend(kept(started, new));
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines
}

/// A route under its name, with its upstream by name: the id changes when other upstreams come and go.
fn by_name(plan: &Plan, route: &Route) -> (String, (Route, Option<String>)) {
    let mut route = route.clone();
    let upstream = match &mut route.action {
        Action::Upstream(id) => {
            let name = plan.upstream(*id).name.clone();
            *id = UpstreamId(0);
            Some(name)
        }
        Action::Redirect { .. } | Action::Respond { .. } => None,
    };
    (route.name.clone(), (route, upstream))
}

/// Things with a name: which are new, which are gone, which are different.
fn compare<T: PartialEq>(
    lines: &mut Vec<String>,
    what: &str,
    old: Vec<(String, T)>,
    new: Vec<(String, T)>,
) {
    for (name, value) in &new {
        match old.iter().find(|(other, _)| other == name) {
            None => lines.push(format!("added: {what} {name}")),
            Some((_, before)) if before != value => lines.push(format!("changed: {what} {name}")),
            Some(_) => {}
        }
    }
    let gone = old
        .iter()
        .filter(|(name, _)| new.iter().all(|(other, _)| other != name));
    lines.extend(gone.map(|(name, _)| format!("removed: {what} {name}")));
}

fn settings(old: &Plan, new: &Plan) -> Vec<&'static str> {
    let log = |plan: &Plan| (plan.access_log.format, plan.access_log.to.clone());
    let differ = [
        ("timeouts", old.timeouts != new.timeouts),
        ("limits", old.limits != new.limits),
        ("forwarding", old.forwarding != new.forwarding),
        ("response headers", old.expose != new.expose),
        ("access log", log(old) != log(new)),
        ("admin", old.admin != new.admin),
        ("resolver", old.resolver != new.resolver),
        (
            "backlog (of new listeners)",
            old.workers.backlog != new.workers.backlog,
        ),
        ("cache", old.cache != new.cache),
        (
            "max_connections",
            old.workers.max_connections != new.workers.max_connections,
        ),
    ];
    differ
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name)
        .collect()
}

fn kept(started: &Plan, new: &Plan) -> Vec<String> {
    let (before, after) = (&started.workers, &new.workers);
    let differ = [
        ("workers.count", before.count != after.count),
        ("workers.cpus", before.cpus != after.cpus),
        ("workers.pin", before.pin != after.pin),
        ("workers.driver", before.driver != after.driver),
        (
            "workers.ring_entries",
            before.ring_entries != after.ring_entries,
        ),
        (
            "access_log.queue",
            started.access_log.queue != new.access_log.queue,
        ),
    ];
    let changed = differ.into_iter().filter(|(_, differs)| *differs);
    changed
        .map(|(name, _)| format!("kept until a restart: {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_config::Overrides;

    const FILE: &str = r#"
        [[listener]]
        address = "127.0.0.1:8080"
        [[route]]
        name = "all"
        upstream = "app"
        [upstream.app]
        servers = ["127.0.0.1:3001"]
    "#;

    fn changes(after: &str) -> Vec<String> {
        let plan = |text: &str| Plan::load(text, "test", &|_| None, &Overrides::default()).unwrap();
        describe(&plan(FILE), &plan(FILE), &plan(after))
    }

    #[test]
    fn the_same_file_changes_nothing() {
        assert_eq!(changes(FILE), ["nothing changed"]);
    }

    #[test]
    fn what_differs_is_named() {
        let after = FILE.replace("3001", "3002").replace("8080", "8081");
        assert_eq!(
            changes(&after),
            [
                "added: listener 127.0.0.1:8081",
                "removed: listener 127.0.0.1:8080",
                "changed: upstream app"
            ]
        );
        let after = format!("{FILE}[access_log]\nformat = \"json\"\n[admin]\nlisten = \"off\"\n");
        assert_eq!(changes(&after), ["changed: access log", "changed: admin"]);
    }

    #[test]
    fn a_route_stays_the_same_when_another_upstream_comes_before_its_own() {
        let after = format!("{FILE}[upstream.aaa]\nservers = [\"127.0.0.1:1\"]\n");
        let route = "[[route]]\nname = \"new\"\npath = \"/new\"\nupstream = \"aaa\"\n";
        assert_eq!(
            changes(&format!("{after}{route}")),
            ["added: route new", "added: upstream aaa"]
        );
    }

    #[test]
    fn what_waits_for_a_restart_is_named() {
        let after = format!("{FILE}[workers]\ncount = 7\n[access_log]\nqueue = 77\n");
        let kept = [
            "kept until a restart: workers.count",
            "kept until a restart: access_log.queue",
        ];
        assert_eq!(changes(&after), kept);
    }
}
