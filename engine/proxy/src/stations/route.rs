//! Route: finds the route, and turns to what it orders.

use ringfence_config::{Action, Found, Miss, Query};
use ringfence_http::{Form, Reason};

use crate::exchange::{Exchange, Refusal, Station};
use crate::stations::ask;

/// Chooses the route of the request.
pub(crate) fn choose(ex: &mut Exchange<'_>) -> Station {
    match find(ex) {
        Ok(found) => {
            ex.facts.route = Some(found.route);
            ex.facts.found = Some(found);
        }
        Err(Miss::NoRoute) => return ex.refuse(Reason::NoRoute),
        Err(Miss::MethodNotAllowed { allow }) => {
            ex.facts.allow = Some(allow);
            return ex.refuse(Reason::MethodNotAllowed);
        }
    }
    ex.expires = ex
        .route()
        .timeouts
        .request
        .map(|limit| ex.tally.began + limit);
    ex.facts.rewritten_path = rewritten(ex);
    if let Err(fault) = ask::take_prefix(ex) {
        return ex.refuse(fault.reason);
    }
    match &ex.route().action {
        Action::Upstream(_) if ex.route().cache.is_some() => Station::Lookup,
        Action::Upstream(_) => Station::Dial,
        Action::Redirect { to, .. } if to.needs_host() && ex.heads.request.authority.len == 0 => {
            ex.refuse(Reason::MissingHost)
        }
        Action::Redirect { .. } | Action::Respond { .. } => Station::Refuse(Refusal::Ordered),
    }
}

fn find(ex: &Exchange<'_>) -> Result<Found, Miss> {
    let head = &ex.heads.request;
    let path = if head.form == Form::Asterisk {
        b"/"
    } else {
        ex.path()
    };
    let query = Query {
        host: head.authority.of(&ex.bytes),
        path,
        method: head.method_text.of(&ex.bytes),
        header: &|name, holds| head.find_all(&ex.bytes, name.as_bytes()).any(holds),
    };
    ex.epoch.plan.router.find(&query)
}

fn rewritten(ex: &Exchange<'_>) -> Option<Vec<u8>> {
    let rewrite = ex.route().rewrite.as_ref()?;
    let mut path = Vec::new();
    rewrite.apply(ex.path(), &mut path).then_some(path)
}
