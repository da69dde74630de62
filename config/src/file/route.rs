//! `[[route]]` and `[retry]`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::cache::RouteCache;
use crate::file::compress::RouteCompress;
use crate::file::shape::{OneOrMany, Or};
use crate::matching::PathPattern;
use crate::matching::host::HostChoice;
use crate::plan::tag::TagTemplate;
use crate::plan::template::Template;
use crate::values::amount::Size;
use crate::values::off::{Off, OrOff};
use crate::values::scalar::Scalar;
use crate::values::status::StatusSet;
use crate::values::token::{FieldValue, Token};
use crate::values::words::words;

/// What is done with which requests. Exactly one of `upstream`, `redirect` and `respond`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name in logs and metrics. Without it, `route-1` and so on.
    pub name: Option<Scalar<String>>,
    /// `example.com`, `*.example.com` (all hosts below it), or a list of such. Default `*`.
    pub host: Option<OneOrMany<Scalar<HostChoice>>>,
    /// `/a` (exactly), `/api/*` (it and all below), `/users/{id}/posts` (with a parameter), or a list of such. Default `/*`.
    pub path: Option<OneOrMany<Scalar<PathPattern>>>,
    /// Methods; none = all. `GET` brings `HEAD` with it.
    pub methods: Option<OneOrMany<Scalar<Token>>>,
    /// Headers that must be there, with this value, or `*` for any.
    pub headers: Option<BTreeMap<String, Scalar<FieldValue>>>,
    /// The upstream that requests are balanced over.
    pub upstream: Option<Scalar<String>>,
    /// Where clients are sent instead.
    pub redirect: Option<Or<Scalar<Template>, Redirect>>,
    /// A fixed response.
    pub respond: Option<Respond>,
    /// A path prefix that is taken away before the request is forwarded.
    pub strip_prefix: Option<Scalar<String>>,
    /// A path prefix that is replaced before the request is forwarded.
    pub replace_prefix: Option<ReplacePrefix>,
    /// The largest request body. Default: the upstream's or the global one.
    pub max_body: Option<Scalar<OrOff<Size>>>,
    /// Changes to the headers that the server gets.
    pub request_headers: Option<HeaderEdits>,
    /// Changes to the headers that the client gets.
    pub response_headers: Option<HeaderEdits>,
    /// Time limits of the server's side. Default: the upstream's or the global ones.
    pub timeouts: Option<RouteTimeouts>,
    /// When requests are sent again; `false` = never. Default: the upstream's or the global settings.
    pub retry: Option<Or<Scalar<Off>, Retry>>,
    /// What is kept of its responses and answered from the cache; `true` = what the responses allow. Default `false`.
    pub cache: Option<Or<Scalar<bool>, RouteCache>>,
    /// Tags of kept responses, of any route, that are purged when a request that changes something (any method but `GET`,
    /// `HEAD`, `OPTIONS` and `TRACE`) succeeds. As in `cache.tags`. Default `[]`.
    pub purges: Option<OneOrMany<Scalar<TagTemplate>>>,
    /// Which of its responses are compressed for clients that take it; `true` = those that it is usually worth while for.
    /// Whoever can have a page repeat text of theirs beside a secret can learn the secret from its compressed length
    /// (BREACH): leave it off for such pages. Default `false`.
    pub compress: Option<Or<Scalar<bool>, RouteCompress>>,
}

/// Where clients are sent.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// A URL or a path, with `{scheme}`, `{host}`, `{path}`, `{query}`, the route's parameters, and `{*}` for what its final star stands for.
    #[schemars(required)]
    pub to: Option<Scalar<Template>>,
    /// 301, 302, 303, 307 or 308. Default `308`.
    pub status: Option<Scalar<u32>>,
}

/// A fixed response.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// From 200 to 599. Default `200`.
    pub status: Option<Scalar<u32>>,
    /// The body. Default: none.
    pub body: Option<Scalar<String>>,
    /// The body's type. Default `text/plain; charset=utf-8`.
    pub content_type: Option<Scalar<FieldValue>>,
}

/// A path prefix that is replaced, at a segment boundary.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacePrefix {
    /// The prefix to take away.
    #[schemars(required)]
    pub from: Option<Scalar<String>>,
    /// What takes its place.
    #[schemars(required)]
    pub to: Option<Scalar<String>>,
}

/// Changes to headers. Removals are done first, then `set`, then `add`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderEdits {
    /// Headers that are removed.
    pub remove: Option<OneOrMany<Scalar<String>>>,
    /// Headers that get this value instead of any other.
    pub set: Option<BTreeMap<String, Scalar<FieldValue>>>,
    /// Headers that are added beside those that are there; a list adds several.
    pub add: Option<BTreeMap<String, OneOrMany<Scalar<FieldValue>>>>,
}

/// Time limits of the server's side.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTimeouts {
    /// To connect to a server.
    pub connect: Option<Scalar<Duration>>,
    /// From the request's end to the response's first byte.
    pub first_byte: Option<Scalar<Duration>>,
    /// Between two pieces of a response.
    pub between_bytes: Option<Scalar<Duration>>,
    /// The whole exchange, retries included.
    pub request: Option<Scalar<OrOff<Duration>>>,
    /// How long a request waits for a server that has room. Default: the upstream's `queue.timeout`.
    pub queue: Option<Scalar<Duration>>,
}

/// When a request is sent again, to another server. Only where it may be repeated, and within the retry budget.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts after the first; 0 = none. Default `2`.
    pub attempts: Option<Scalar<u32>>,
    /// What is retried: `connect` (it failed or was overdue), `reset` (the connection ended before the response began),
    /// `timeout` (the first byte did not come in time). Default `["connect", "reset"]`.
    pub on: Option<OneOrMany<Scalar<RetryOn>>>,
    /// Response statuses that are retried as well. Default `[]`.
    pub statuses: Option<OneOrMany<Scalar<StatusSet>>>,
    /// The longest request body that is kept to be sent again. Default `64KiB`.
    pub max_body: Option<Scalar<Size>>,
    /// The longest `Retry-After` that is waited out. Default `1s`.
    pub max_retry_after: Option<Scalar<Duration>>,
}

/// What is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// A failed or overdue connect.
    Connect,
    /// A connection that ends before the response begins.
    Reset,
    /// A first byte that does not come in time.
    Timeout,
}

words!(RetryOn, "cause of a retry", {
    Connect => "connect",
    Reset => "reset",
    Timeout => "timeout",
});
