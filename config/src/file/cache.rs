//! `[cache]` and `[route.cache]`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use crate::file::shape::{OneOrMany, Or};
use crate::plan::cache::Origin;
use crate::plan::tag::TagTemplate;
use crate::values::amount::Size;
use crate::values::off::OrOff;
use crate::values::query::QueryName;
use crate::values::scalar::{FromScalar, Scalar, ToScalar, Written};
use crate::values::token::{FieldValue, Token};
use crate::values::words::words;
use crate::values::wrong::{Wrong, quoted};

/// Durations by name.
pub type Durations = BTreeMap<String, Scalar<Duration>>;

/// What the cache of the process may hold.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// All that it holds together, over all workers: bodies, heads, keys, tags and tables. Default `256MiB`.
    pub size: Option<Scalar<Size>>,
    /// The largest body that is kept; routes may say otherwise. Default `16MiB`, or `size` where that is smaller.
    pub max_object: Option<Scalar<Size>>,
}

/// What is kept of a route's responses, how it is found again, and for how long it answers.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteCache {
    /// For how long responses are fresh that do not say so themselves (no `max-age`, `s-maxage` or `Expires`), in whole
    /// seconds: one duration for the statuses that HTTP lets be cached by default (200, 203, 204, 300, 301, 308, 404, 405,
    /// 410, 414, 501), or a table such as `{ 200 = "5m", 404 = "1m", 5xx = "1s" }`, in which the smallest set wins. Without
    /// it, what may be guessed from their `Last-Modified`.
    pub ttl: Option<Or<Scalar<Duration>, Durations>>,
    /// The same by media type, such as `{ "image/*" = "1d", "text/css" = "1h" }`, for responses with status 200, where it
    /// comes before `ttl`. A whole type comes before one with a star, and `application/*+json` before `application/*`.
    pub types: Option<Durations>,
    /// `respect`, or `ignore`: then `Cache-Control`, `Expires` and `Pragma` of the server are not heeded, and `ttl` and
    /// `types` alone say what is kept and for how long. Default `respect`.
    pub origin: Option<Scalar<Origin>>,
    /// The `Cache-Control` that clients get instead of the server's, such as `public, max-age=31536000, immutable`.
    pub browser: Option<Scalar<FieldValue>>,
    /// Requests that pass by the cache: they are not answered from it, and their responses are not kept.
    pub bypass: Option<Bypass>,
    /// Requests for the same thing, within a while, before the response is kept. Default `1`.
    pub min_uses: Option<Scalar<u32>>,
    /// The largest body that is kept. Default: `max_object` of `[cache]`.
    pub max_object: Option<Scalar<Size>>,
    /// Methods that are answered from the cache; `GET` is one of them. Default `["GET", "HEAD"]`.
    pub methods: Option<OneOrMany<Scalar<Token>>>,
    /// Which requests get the same response: those that are alike in this and in their path. `Vary` comes on top.
    pub key: Option<CacheKey>,
    /// Gives every user a cache of their own: `authorization` (told apart by that header), or `{ cookie = "session" }` (by
    /// that cookie). Default `off`.
    pub per_user: Option<Or<Scalar<OrOff<PerUserWord>>, PerUserCookie>>,
    /// Tags that kept responses get, to be purged by, beside those that the server gives them: words such as `quests`, or
    /// `user:{id}` with the path's parameters, and `{*}` for what its final star stands for. Default `[]`.
    pub tags: Option<OneOrMany<Scalar<TagTemplate>>>,
    /// Whether `Cache-Tag`, `Surrogate-Key` and `xkey` go to clients. Default `false`.
    pub expose_tags: Option<Scalar<bool>>,
    /// How long a response may still answer while it is fetched anew, where it does not say so itself; in whole seconds.
    /// Default `off`.
    pub stale_while_revalidate: Option<Scalar<OrOff<Duration>>>,
    /// How long a response may still answer when the server gives an error, where it does not say so itself; in whole
    /// seconds. Default `off`.
    pub stale_if_error: Option<Scalar<OrOff<Duration>>>,
    /// How long past its freshness a response may answer while its server cannot be reached or fails, whatever the response
    /// says; in whole seconds. Default `off`.
    pub serve_stale: Option<Scalar<OrOff<Duration>>>,
}

/// Requests that pass by the cache. One of these is enough, whatever its value.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bypass {
    /// Cookies. Default `[]`.
    pub cookies: Option<OneOrMany<Scalar<Token>>>,
    /// Headers. Default `[]`.
    pub headers: Option<OneOrMany<Scalar<String>>>,
    /// Query parameters, as URLs have them; `preview_*` stands for all that begin so. Default `[]`.
    pub query: Option<OneOrMany<Scalar<QueryName>>>,
}

/// Which requests get the same response.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheKey {
    /// Whether the query counts: `all` or `none` of it. Default `all`.
    pub query: Option<Scalar<QueryWord>>,
    /// The only query parameters that count, as URLs have them; `filter_*` stands for all that begin so.
    pub keep: Option<OneOrMany<Scalar<QueryName>>>,
    /// Query parameters that do not count, as URLs have them; `utm_*` stands for all that begin so.
    pub drop: Option<OneOrMany<Scalar<QueryName>>>,
    /// Whether the order of the parameters does not count. Default `false`.
    pub sort: Option<Scalar<bool>>,
    /// Headers that count. Default `[]`.
    pub headers: Option<OneOrMany<Scalar<String>>>,
    /// Cookies that count. Default `[]`.
    pub cookies: Option<OneOrMany<Scalar<Token>>>,
    /// Whether the class of the device counts, as `User-Agent` tells it. Default `false`.
    pub device: Option<Scalar<bool>>,
    /// Whether the host counts. Default `true`.
    pub host: Option<Scalar<bool>>,
    /// Whether the scheme counts. Default `true`.
    pub scheme: Option<Scalar<bool>>,
}

/// Whether the query counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryWord {
    /// All of it.
    All,
    /// None of it.
    None,
}

words!(QueryWord, "value of `query`", {
    All => "all",
    None => "none",
});

/// What tells users apart, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerUserWord {
    /// The header of that name.
    Authorization,
}

impl FromScalar for PerUserWord {
    const WHAT: &'static str = "\"authorization\" or `{ cookie = \"…\" }`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "authorization" => Ok(Self::Authorization),
            _ => Err(
                Wrong::new(format!("users cannot be told apart by {}", quoted(text))).help(
                    "\"authorization\" is that header; `{ cookie = \"session\" }` is a cookie",
                ),
            ),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": ["authorization"] })
    }
}

impl ToScalar for PerUserWord {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Authorization => "authorization".to_owned().into(),
        }
    }
}

/// The cookie that tells users apart.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerUserCookie {
    /// Its name.
    #[schemars(required)]
    pub cookie: Option<Scalar<Token>>,
}
