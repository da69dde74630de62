//! Requests that the cache has no part in.

use ringfence_cache::normal_query;
use ringfence_config::QueryName;
use ringfence_http::syntax::list_members;
use ringfence_http::{Framing, Method, Name};

use crate::exchange::Exchange;

/// How names begin of fields that some servers take for a request's method, scheme, host or path, in whose place no key has
/// them.
const OVERRIDING: [&[u8]; 6] = [
    b"X-Envoy-Original-",
    b"X-Forwarded-",
    b"X-HTTP-",
    b"X-Original-",
    b"X-Override-",
    b"X-Rewrite-",
];

/// Others of that kind, by their whole names.
const OVERRIDES: [&[u8]; 10] = [
    b"Base-URL",
    b"Front-End-HTTPS",
    b"Proxy",
    b"Request-URI",
    b"X-Host",
    b"X-Method-Override",
    b"X-Proxy-URL",
    b"X-Scheme",
    b"X-Script-Name",
    b"X-URL-Scheme",
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
        || !ex.facts.trusted && overrides(ex).next().is_some()
        || takes_away(ex);
    by.then_some("bypass")
}

/// Fields of the request that some servers take for what a key has from elsewhere. Where a client sends one, its request
/// passes by, so that nobody can have an answer stored that others would not get; what a trusted peer sends is in the key.
pub(crate) fn overrides<'e>(ex: &'e Exchange<'_>) -> impl Iterator<Item = (&'e [u8], &'e [u8])> {
    let fields = ex.heads.request.fields.iter();
    let others = fields.filter(|field| field.id == Name::Other);
    let named = others.map(|field| (field.name.of(&ex.bytes), field.value.of(&ex.bytes)));
    named.filter(|(name, _)| is_override(name))
}

/// A name with an underscore counts too: to a server that passes fields on in environment variables it is the same as with a
/// hyphen (RFC 3875 section 4.1.18), whatever field that is.
fn is_override(name: &[u8]) -> bool {
    let begins = |start: &&[u8]| {
        let head = name.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    let may_be = matches!(
        name.first().map(u8::to_ascii_lowercase),
        Some(b'x' | b'b' | b'f' | b'p' | b'r')
    );
    let is = |other: &&[u8]| name.eq_ignore_ascii_case(other);
    name.contains(&b'_') || may_be && (OVERRIDING.iter().any(begins) || OVERRIDES.iter().any(is))
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
