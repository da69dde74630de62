//! Screen: what is refused or settled before anyone asks where the request goes.

use ringfence_http::forwarded::client_ip;
use ringfence_http::path::{self, Normal};
use ringfence_http::{Form, Method, Name, Reason};

use crate::exchange::{Exchange, Refusal, Station};
use crate::forwarding;
use crate::request_id::is_sound;

/// Settles who asks and for which path.
pub(crate) fn pass(ex: &mut Exchange<'_>) -> Station {
    // First, so that even a refusal carries the right id.
    identify(ex);
    if let Err(reason) = normalise_path(ex) {
        return ex.refuse(reason);
    }
    if ex.heads.request.method == Method::Trace {
        // A trace would show the client what we add to its request (RFC 9110 section 9.3.8).
        ex.facts.allow = Some("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH".to_owned());
        return ex.refuse(Reason::MethodNotAllowed);
    }
    if forwarding::hops_left(ex) == Some(0) {
        return Station::Refuse(Refusal::LastHop);
    }
    Station::Route
}

fn normalise_path(ex: &mut Exchange<'_>) -> Result<(), Reason> {
    if ex.heads.request.form == Form::Asterisk {
        return Ok(());
    }
    let mut scratch = Vec::new();
    let merge = ex.epoch.plan.limits.merge_slashes;
    let raw = ex.heads.request.path_bytes(&ex.bytes);
    match path::normalise(raw, &mut scratch, merge).map_err(|fault| fault.reason)? {
        Normal::Same => {}
        Normal::Changed => ex.facts.normal_path = Some(scratch),
    }
    Ok(())
}

/// Whose request it is, as far as the peer may be believed, and under which id it goes.
fn identify(ex: &mut Exchange<'_>) {
    let forwarding = &ex.epoch.plan.forwarding;
    let peer = ex.conn.peer();
    let trusted = !forwarding.trusted.is_empty() && forwarding.trusts(peer);
    ex.facts.trusted = trusted;
    if trusted {
        ex.facts.client = client_ip(
            peer,
            ex.heads.request.get_all(&ex.bytes, Name::XForwardedFor),
            ex.heads.request.get_all(&ex.bytes, Name::Forwarded),
            |ip| forwarding.trusts(ip),
        );
    }
    let given = ex.heads.request.get(&ex.bytes, Name::XRequestId);
    let kept = trusted && given.is_some_and(is_sound);
    if !kept && (forwarding.request_id || ex.epoch.plan.expose.request_id || ex.epoch.logs()) {
        ex.facts.made_id = Some(ex.conn.worker.make_id());
    }
}
