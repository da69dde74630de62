//! From the file's structures to the plan: defaults, checks, names to ids. Complaints go to the report, and the work
//! goes on with a default, so that one run finds as much as it can.

mod action;
mod check;
mod client;
mod edits;
mod matcher;
mod observe;
mod reach;
mod route;
mod server_side;
mod sticky;
mod upstream;
mod workers;

use std::collections::BTreeMap;

use crate::file::File;
use crate::limits;
use crate::load::interpolate::Env;
use crate::load::lower::server_side::Layer;
use crate::load::report::Place;
use crate::overrides::Overrides;
use crate::plan::Plan;
use crate::plan::upstream::UpstreamId;
use crate::router::Router;
use crate::values::scalar::Scalar;
use crate::values::wrong::Wrong;

/// What beside the file decides.
pub(super) struct Given<'a> {
    pub(super) overrides: &'a Overrides,
    pub(super) env: Env<'a>,
}

/// An upstream's name as routes look it up.
struct Target {
    id: UpstreamId,
    /// Its settings for routes, over the global ones.
    layer: Layer,
}

/// Makes the plan. It is only good if nothing was complained about.
pub(super) fn plan(file: File, root: &Place<'_>, given: &Given<'_>) -> Plan {
    let timeouts = file.timeouts.unwrap_or_default();
    let limits = file.limits.unwrap_or_default();
    let global = server_side::global(&timeouts, limits.max_body.as_ref(), file.retry, root);
    let listeners = client::listeners(file.listener, root);
    let observe = observe::admin(
        file.admin.unwrap_or_default(),
        given,
        &listeners,
        &root.key("admin"),
    );

    let mut targets = BTreeMap::new();
    let mut upstreams = Vec::new();
    let written = file.upstream.unwrap_or_default();
    root.key("upstream")
        .at_most(written.len(), limits::UPSTREAMS, "upstreams");
    for (id, (name, upstream)) in (0..).map(UpstreamId).zip(written) {
        let at = root.key("upstream");
        let (upstream, layer) = upstream::lower(&name, upstream, &at.key(&name));
        upstreams.push(upstream);
        let layer = layer.over(&global);
        targets.insert(name, Target { id, layer });
    }
    let routes = route::all(file.route, &targets, &upstreams, &global, root);
    let router = Router::build(routes.iter().map(|route| &route.matcher));
    Plan {
        workers: workers::lower(
            file.workers.unwrap_or_default(),
            given,
            &root.key("workers"),
        ),
        listeners,
        routes,
        router,
        upstreams,
        timeouts: client::timeouts(&timeouts, &root.key("timeouts")),
        limits: client::limits(&limits, &root.key("limits")),
        forwarding: client::forwarding(
            file.forwarding.unwrap_or_default(),
            &root.key("forwarding"),
        ),
        expose: observe::expose(&file.expose.unwrap_or_default()),
        access_log: observe::access_log(
            file.access_log.unwrap_or_default(),
            given,
            &root.key("access_log"),
        ),
        admin: observe,
        resolver: observe::resolver(file.resolver.unwrap_or_default(), &root.key("resolver")),
    }
}

/// The value that the file has, if it has one.
fn value<T: Clone>(field: &Option<Scalar<T>>) -> Option<T> {
    field.as_ref().map(|scalar| scalar.0.clone())
}

/// The complaint about a key that has no effect beside another.
fn no_effect(key: &str, why: impl std::fmt::Display) -> Wrong {
    Wrong::new(format!("`{key}` has no effect {why}"))
}
