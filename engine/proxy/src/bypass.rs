//! Requests that the cache has no part in.

use std::fmt;

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
    if !matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Some(Why::Body);
    }
    by_rule(ex)
        .or_else(|| condition(ex).map(Why::Condition))
        .or_else(|| overrides(ex).map(Why::Override))
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

fn overrides<'e>(ex: &'e Exchange<'_>) -> Option<&'e [u8]> {
    let fields = ex.heads.request.fields.iter();
    let others = fields.filter(|field| field.id == Name::Other);
    let mut names = others.map(|field| field.name.of(&ex.bytes));
    names.find(|name| {
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
