//! Requests that the cache has no part in.

use ringfence_cache::normal_query;
use ringfence_config::QueryName;
use ringfence_http::syntax::list_members;
use ringfence_http::{Framing, Method, Name};

use crate::exchange::Exchange;

/// Fields of a request that some servers take for its method, host or path, in whose place no key has them. A request that has
/// one passes by, so that nobody can have an answer stored that others would not get.
const OVERRIDES: [&[u8]; 16] = [
    b"X-Envoy-Original-Path",
    b"X-Forwarded-Path",
    b"X-Forwarded-Prefix",
    b"X-Forwarded-Scheme",
    b"X-Forwarded-Server",
    b"X-Forwarded-URI",
    b"X-Host",
    b"X-HTTP-Host-Override",
    b"X-HTTP-Method",
    b"X-HTTP-Method-Override",
    b"X-Method-Override",
    b"X-Original-Host",
    b"X-Original-URI",
    b"X-Original-URL",
    b"X-Override-URL",
    b"X-Rewrite-URL",
];

/// Why the request has nothing to do with the cache, if it has not (RFC 9211 section 2.2).
pub(crate) fn why(ex: &Exchange<'_>) -> Option<&'static str> {
    let rules = ex.rules();
    let head = &ex.heads.request;
    let answered = head.method == Method::Get || head.method == Method::Head && rules.head;
    if !answered {
        return Some("method");
    }
    let has_body = !matches!(head.framing, Framing::None | Framing::Length(0));
    let asks = |name: &&[u8]| head.fields.find(&ex.bytes, name).is_some();
    let conditional = [Name::IfMatch, Name::IfUnmodifiedSince];
    let request = ex.fields();
    let cookie = |name: &String| request.cookie(name).is_some();
    let bypassed = rules.bypass.cookies.iter().any(cookie)
        || rules
            .bypass
            .headers
            .iter()
            .any(|name| asks(&name.as_bytes()))
        || has_parameter(ex, &rules.bypass.query);
    let by = has_body
        || bypassed
        || conditional.iter().any(|id| head.fields.has(*id))
        || overrides(ex)
        || takes_away(ex);
    by.then_some("bypass")
}

fn overrides(ex: &Exchange<'_>) -> bool {
    let fields = ex.heads.request.fields.iter();
    let mut others = fields.filter(|field| field.id == Name::Other);
    others.any(|field| {
        let name = field.name.of(&ex.bytes);
        let starts = matches!(name, [b'x' | b'X', b'-' | b'_', ..]);
        starts && OVERRIDES.iter().any(|other| reads_as(name, other))
    })
}

/// Whether a name is the same to servers that pass fields on in environment variables (RFC 3875 section 4.1.18).
fn reads_as(name: &[u8], other: &[u8]) -> bool {
    let same = |(one, other): (&u8, &u8)| match one {
        b'_' => *other == b'-',
        one => one.eq_ignore_ascii_case(other),
    };
    name.len() == other.len() && name.iter().zip(other).all(same)
}

/// Whether Connection takes a field away that was meant for the server: then what the client has sent does not tell what the
/// server's answer depended on.
fn takes_away(ex: &Exchange<'_>) -> bool {
    if !ex.heads.request.fields.connection_names_fields() {
        return false;
    }
    let lines = ex.heads.request.get_all(&ex.bytes, Name::Connection);
    let mut members = lines.flat_map(list_members);
    members.any(|member| {
        let usual = member.eq_ignore_ascii_case(b"close") || Name::of(member).is_hop_by_hop();
        !usual
    })
}

fn has_parameter(ex: &Exchange<'_>, names: &[QueryName]) -> bool {
    let query = ex.heads.request.query.map(|query| query.of(&ex.bytes));
    let pairs = query
        .into_iter()
        .flat_map(|query| query.split(|byte| *byte == b'&'));
    let mut sent = pairs.map(normal_query);
    !names.is_empty()
        && sent.any(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            names.iter().any(|wanted| wanted.matches(name))
        })
}
