//! Requests that the cache has no part in.

use std::fmt;

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

/// Why a request has nothing to do with the cache.
pub(crate) enum Why<'e> {
    /// Answers to its method are not kept.
    Method,
    /// It has a body.
    Body,
    /// The route has requests with this cookie pass by.
    Cookie(&'e str),
    /// The route has requests with this field pass by.
    Header(&'e str),
    /// The route has requests with this parameter, or one that begins so, pass by.
    Parameter(&'e QueryName),
    /// It is only to be answered if the server's state is as this field says.
    Condition(&'static str),
    /// This field of its own might be taken for its method, host or path.
    Override(&'e [u8]),
    /// Its Connection takes this field away from the server.
    TakenAway(&'e [u8]),
}

impl Why<'_> {
    /// The word for it in `Cache-Status` (RFC 9211 section 2.2).
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Method => "method",
            _ => "bypass",
        }
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Method => write!(f, "answers to this method are not kept"),
            Self::Body => write!(f, "the request has a body"),
            Self::Cookie(name) => write!(f, "the route bypasses with the cookie {name}"),
            Self::Header(name) => write!(f, "the route bypasses with the header {name}"),
            Self::Parameter(name) => {
                write!(f, "the route bypasses with the parameter {}", name.show())
            }
            Self::Condition(name) => write!(f, "{name} is for the server to judge"),
            Self::Override(name) => {
                write!(f, "{} might be taken for the URL or method", text(name))
            }
            Self::TakenAway(name) => write!(f, "Connection takes {} from the server", text(name)),
        }
    }
}

/// Why the request has nothing to do with the cache, if it has not.
pub(crate) fn why<'e>(ex: &'e Exchange<'_>) -> Option<Why<'e>> {
    let head = &ex.heads.request;
    let answered = head.method == Method::Get || head.method == Method::Head && ex.rules().head;
    if !answered {
        return Some(Why::Method);
    }
    whatever_method(ex)
}

/// The same, were the request a GET.
pub(crate) fn whatever_method<'e>(ex: &'e Exchange<'_>) -> Option<Why<'e>> {
    let head = &ex.heads.request;
    if !matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Some(Why::Body);
    }
    by_rule(ex)
        .or_else(|| condition(ex).map(Why::Condition))
        .or_else(|| override_of_client(ex).map(Why::Override))
        .or_else(|| taken_away(ex).map(Why::TakenAway))
}

/// What of the request the route's rules have pass by.
fn by_rule<'e>(ex: &'e Exchange<'_>) -> Option<Why<'e>> {
    let rules = &ex.rules().bypass;
    let request = ex.fields();
    let mut cookies = rules.cookies.iter();
    if let Some(name) = cookies.find(|name| request.cookie(name).is_some()) {
        return Some(Why::Cookie(name));
    }
    let fields = &ex.heads.request.fields;
    let mut headers = rules.headers.iter();
    if let Some(name) = headers.find(|name| fields.find(&ex.bytes, name.as_bytes()).is_some()) {
        return Some(Why::Header(name));
    }
    parameter(ex, &rules.query).map(Why::Parameter)
}

fn condition(ex: &Exchange<'_>) -> Option<&'static str> {
    let fields = &ex.heads.request.fields;
    let asked = [
        (Name::IfMatch, "If-Match"),
        (Name::IfUnmodifiedSince, "If-Unmodified-Since"),
    ];
    let mut found = asked.into_iter().filter(|(id, _)| fields.has(*id));
    found.next().map(|(_, name)| name)
}

fn override_of_client<'e>(ex: &'e Exchange<'_>) -> Option<&'e [u8]> {
    let (name, _) = overrides(ex).next().filter(|_| !ex.facts.trusted)?;
    Some(name)
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

/// The field that Connection takes away, though it was meant for the server: then what the client has sent does not tell what the
/// server's answer depended on.
fn taken_away<'e>(ex: &'e Exchange<'_>) -> Option<&'e [u8]> {
    if !ex.heads.request.fields.connection_names_fields() {
        return None;
    }
    let lines = ex.heads.request.get_all(&ex.bytes, Name::Connection);
    let mut members = lines.flat_map(list_members);
    members.find(|member| {
        let usual = member.eq_ignore_ascii_case(b"close") || Name::of(member).is_hop_by_hop();
        !usual
    })
}

/// The first of these names that a parameter of the request's query has.
fn parameter<'e>(ex: &Exchange<'_>, names: &'e [QueryName]) -> Option<&'e QueryName> {
    let query = ex.heads.request.query?.of(&ex.bytes);
    if names.is_empty() {
        return None;
    }
    let mut sent = query.split(|byte| *byte == b'&').map(normal_query);
    sent.find_map(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        names.iter().find(|wanted| wanted.matches(name))
    })
}
