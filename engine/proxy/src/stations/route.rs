//! Route: finds the route, and turns to what it orders.

use ringfence_config::{Action, Found, Miss, Query, Rewrite};
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
    let rewrite = ex
        .route()
        .rewrite
        .as_ref()
        .filter(|_| ex.heads.request.form != Form::Asterisk);
    ex.facts.rewritten_path = rewrite.and_then(|rewrite| rewritten(ex.path(), rewrite));
    if !matches!(ex.route().action, Action::Upstream(_)) {
        return Station::Refuse(Refusal::Ordered);
    }
    match ask::take_prefix(ex) {
        Ok(()) => Station::Dial,
        Err(fault) => ex.refuse(fault.reason),
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
        header: &|name| head.find(&ex.bytes, name.as_bytes()),
    };
    ex.epoch.plan.router.find(&query)
}

/// The path with its prefix replaced, where it has that prefix up to a segment's end.
fn rewritten(path: &[u8], rewrite: &Rewrite) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(rewrite.from.as_bytes())?;
    if !rest.is_empty() && rest[0] != b'/' {
        return None;
    }
    let mut new = Vec::with_capacity(rewrite.to.len() + rest.len() + 1);
    new.extend_from_slice(rewrite.to.as_bytes());
    new.extend_from_slice(rest);
    if new.is_empty() {
        new.push(b'/');
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_replaced_at_a_segment_boundary_only() {
        let cases = [
            ("/api", "", "/api/users", Some("/users")),
            ("/api", "", "/api", Some("/")),
            ("/api", "", "/api/", Some("/")),
            ("/api", "", "/apiary", None),
            ("/api", "/v2", "/api/users", Some("/v2/users")),
            ("/api", "/v2", "/api", Some("/v2")),
            ("", "/base", "/x", Some("/base/x")),
        ];
        for (from, to, path, expected) in cases {
            let rewrite = Rewrite {
                from: from.to_owned(),
                to: to.to_owned(),
            };
            let new = rewritten(path.as_bytes(), &rewrite);
            assert_eq!(
                new.as_deref(),
                expected.map(str::as_bytes),
                "{from} -> {to} on {path}"
            );
        }
    }
}
