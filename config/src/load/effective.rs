//! From the plan back to a file in which every default is visible.

mod cache;
mod compress;
mod field;
mod process;
mod route;
mod upstream;
mod warm;

use crate::file::File;
use crate::plan::Plan;

impl Plan {
    /// The configuration as TOML with every default made visible. Loading it gives an equal plan. It has the sticky
    /// cookies' secrets in it.
    #[must_use]
    pub fn effective(&self) -> String {
        write(&file(self))
    }
}

/// A file as TOML. What looks like a variable in it is none, so it is escaped.
pub(super) fn write(file: &File) -> String {
    let text = toml::to_string(file)
        .expect("the file's structures are tables of scalars, which TOML has a form for");
    text.replace("${", "$${")
}

fn file(plan: &Plan) -> File {
    File {
        workers: Some(process::workers(&plan.workers)),
        timeouts: Some(process::timeouts(&plan.timeouts)),
        limits: Some(process::limits(&plan.limits)),
        cache: Some(cache::limits(&plan.cache)),
        retry: None,
        forwarding: Some(process::forwarding(&plan.forwarding)),
        expose: Some(process::expose(&plan.expose)),
        access_log: Some(process::access_log(&plan.access_log)),
        admin: Some(process::admin(&plan.admin)),
        resolver: Some(process::resolver(&plan.resolver)),
        listener: Some(plan.listeners.iter().map(process::listener).collect()),
        route: Some(
            plan.routes
                .iter()
                .map(|found| route::route(found, &plan.upstreams))
                .collect(),
        ),
        upstream: Some(
            plan.upstreams
                .iter()
                .map(|found| (found.name.clone(), upstream::upstream(found)))
                .collect(),
        ),
        warm: Some(plan.warms.iter().map(warm::warm).collect::<Vec<_>>())
            .filter(|warms| !warms.is_empty()),
    }
}
