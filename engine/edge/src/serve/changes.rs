//! What a reload changes, in words for the one who asked for it.

use ringfence_config::{Action, Plan, Route, UpstreamId, Workers};

/// One line for each thing that differs, and for each that can't change while the process runs.
pub(crate) fn describe(old: &Plan, new: &Plan) -> Vec<String> {
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
    lines.extend(kept(&old.workers, &new.workers));
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
    let differ = [
        ("timeouts", old.timeouts != new.timeouts),
        ("limits", old.limits != new.limits),
        ("forwarding", old.forwarding != new.forwarding),
        ("response headers", old.expose != new.expose),
        ("access log", old.access_log != new.access_log),
        ("resolver", old.resolver != new.resolver),
        (
            "backlog (of new listeners)",
            old.workers.backlog != new.workers.backlog,
        ),
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

fn kept(old: &Workers, new: &Workers) -> Vec<String> {
    let differ = [
        ("workers.count", old.count != new.count),
        ("workers.cpus", old.cpus != new.cpus),
        ("workers.pin", old.pin != new.pin),
        ("workers.driver", old.driver != new.driver),
        ("workers.ring_entries", old.ring_entries != new.ring_entries),
    ];
    let changed = differ.into_iter().filter(|(_, differs)| *differs);
    changed
        .map(|(name, _)| format!("kept until a restart: {name}"))
        .collect()
}
