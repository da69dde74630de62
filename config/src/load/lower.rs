//! From the file's structures to the plan: defaults, checks, names to ids. Complaints go to the report, and the work
//! goes on with a default, so that one run finds as much as it can.

mod action;
mod cache;
mod check;
mod client;
mod compress;
mod edits;
pub(super) mod field;
mod matcher;
mod names;
mod observe;
mod params;
mod reach;
mod route;
mod server_side;
mod sticky;
mod tags;
mod target;
mod upstream;
mod warm;
mod workers;

use crate::file::File;
use crate::limits;
use crate::load::lower::field::Given;
use crate::load::lower::target::{Target, Targets};
use crate::load::report::Place;
use crate::plan::Plan;
use crate::plan::upstream::UpstreamId;
use crate::router::Router;

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

    let mut targets = Targets::new();
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
    let cache = cache::limits(&file.cache.unwrap_or_default(), &root.key("cache"));
    let around = route::Around {
        targets: &targets,
        upstreams: &upstreams,
        global: &global,
        cache: &cache,
    };
    let routes = route::all(file.route, &around, root);
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
        warms: warm::all(file.warm, root),
        timeouts: client::timeouts(&timeouts, &root.key("timeouts")),
        limits: client::limits(&limits, &root.key("limits")),
        cache,
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
