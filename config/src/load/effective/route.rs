//! Routes.

use std::collections::BTreeMap;

use crate::file::route as file;
use crate::file::shape::{OneOrMany, Or};
use crate::load::effective::field::{or_off, some};
use crate::load::effective::{cache, compress};
use crate::matching::host::HostChoice;
use crate::matching::{HeaderTest, Matcher};
use crate::plan::route::{Action, HeaderEdits, Retry, Route, RouteTimeouts};
use crate::plan::upstream::Upstream;
use crate::values::amount::Size;
use crate::values::scalar::Scalar;
use crate::values::token::{FieldValue, Token};

pub(super) fn route(plan: &Route, upstreams: &[Upstream]) -> file::Route {
    let forwards = matches!(plan.action, Action::Upstream(_));
    let mut route = file::Route {
        name: some(plan.name.clone()),
        max_body: or_off(plan.max_body.map(Size)),
        request_headers: edits(&plan.request_headers),
        response_headers: edits(&plan.response_headers),
        timeouts: forwards.then(|| timeouts(&plan.timeouts)),
        retry: forwards.then(|| Or::Table(retry(&plan.retry))),
        cache: forwards.then(|| cache::rules(plan.cache.as_deref())),
        purges: forwards.then(|| OneOrMany(plan.purges.iter().cloned().map(Scalar).collect())),
        compress: forwards.then(|| compress::rules(plan.compress.as_deref())),
        ..file::Route::default()
    };
    matcher(&plan.matcher, &mut route);
    action(&plan.action, upstreams, &mut route);
    route.replace_prefix = plan.rewrite.as_ref().map(|rewrite| file::ReplacePrefix {
        from: some(prefix(&rewrite.from)),
        to: some(prefix(&rewrite.to)),
    });
    route
}

/// A prefix without a final slash as the file writes it: the empty one is `/`.
fn prefix(prefix: &str) -> String {
    if prefix.is_empty() {
        "/".to_owned()
    } else {
        prefix.to_owned()
    }
}

fn matcher(plan: &Matcher, route: &mut file::Route) {
    let hosts = plan
        .hosts
        .iter()
        .cloned()
        .map(|host| Scalar(HostChoice(Some(host))))
        .collect::<Vec<_>>();
    let hosts = if hosts.is_empty() {
        vec![Scalar(HostChoice(None))]
    } else {
        hosts
    };
    route.host = Some(OneOrMany(hosts));
    route.path = Some(OneOrMany(plan.paths.iter().cloned().map(Scalar).collect()));
    route.methods = Some(OneOrMany(
        plan.methods
            .iter()
            .cloned()
            .map(|method| Scalar(Token(method)))
            .collect(),
    ));
    let headers = plan.headers.iter().map(|header| {
        let value = match &header.test {
            HeaderTest::Present => "*",
            HeaderTest::Exact(value) => value,
        };
        (header.name.clone(), Scalar(FieldValue(value.to_owned())))
    });
    route.headers = Some(headers.collect::<BTreeMap<_, _>>()).filter(|headers| !headers.is_empty());
}

fn action(plan: &Action, upstreams: &[Upstream], route: &mut file::Route) {
    match plan {
        Action::Upstream(id) => route.upstream = some(upstreams[id.index()].name.clone()),
        Action::Redirect { status, to } => {
            route.redirect = Some(Or::Table(file::Redirect {
                to: some(to.clone()),
                status: some(u32::from(*status)),
            }));
        }
        Action::Respond {
            status,
            body,
            content_type,
        } => {
            route.respond = Some(file::Respond {
                status: some(u32::from(*status)),
                body: some(String::from_utf8_lossy(body).into_owned()),
                content_type: some(FieldValue(content_type.clone())),
            });
        }
    }
}

fn edits(plan: &HeaderEdits) -> Option<file::HeaderEdits> {
    if plan.is_empty() {
        return None;
    }
    let mut add: BTreeMap<String, OneOrMany<Scalar<FieldValue>>> = BTreeMap::new();
    for (name, value) in &plan.add {
        let values = add
            .entry(name.clone())
            .or_insert_with(|| OneOrMany(Vec::new()));
        values.0.push(Scalar(FieldValue(value.clone())));
    }
    let set = plan
        .set
        .iter()
        .map(|(name, value)| (name.clone(), Scalar(FieldValue(value.clone()))));
    Some(file::HeaderEdits {
        remove: Some(OneOrMany(plan.remove.iter().cloned().map(Scalar).collect())),
        set: Some(set.collect()),
        add: Some(add),
    })
}

fn timeouts(plan: &RouteTimeouts) -> file::RouteTimeouts {
    file::RouteTimeouts {
        connect: some(plan.connect),
        first_byte: some(plan.first_byte),
        between_bytes: some(plan.between_bytes),
        request: or_off(plan.request),
        queue: some(plan.queue),
    }
}

fn retry(plan: &Retry) -> file::Retry {
    let causes = [
        (plan.connect, file::RetryOn::Connect),
        (plan.reset, file::RetryOn::Reset),
        (plan.timeout, file::RetryOn::Timeout),
    ];
    let on = causes
        .into_iter()
        .filter(|(is_on, _)| *is_on)
        .map(|(_, cause)| Scalar(cause));
    file::Retry {
        attempts: some(plan.attempts),
        on: Some(OneOrMany(on.collect())),
        statuses: Some(OneOrMany(plan.statuses.parts().map(Scalar).collect())),
        max_body: some(Size(plan.max_body as u64)),
        max_retry_after: some(plan.max_retry_after),
    }
}
