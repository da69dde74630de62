//! The cache: what it may hold, and what a route keeps in it.

use std::time::Duration;

use crate::plan::tag::TagTemplate;
use crate::values::media::MediaPattern;
use crate::values::query::QueryName;
use crate::values::status::StatusSet;
use crate::values::words::words;

/// What the cache of the process may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes that the stores of all workers may hold together: bodies, heads, keys, tags and the tables that find them.
    pub size: u64,
    /// Bytes of the largest body that is kept, where the route does not say otherwise; at most [`Self::size`].
    pub max_object: u64,
}

/// What is kept of a route's responses, how it is found again, and for how long it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRules {
    /// For how long responses are fresh that do not say so themselves (no `max-age`, `s-maxage` or `Expires`); `None` =
    /// as HTTP guesses (RFC 9111 4.2.2). Asked by [`Self::ttl_of`].
    pub ttl: Option<Ttl>,
    /// The same by media type, for status 200 only, where it comes before [`Self::ttl`]. No pattern is there twice, and
    /// those that stand for fewer types come first, so that the first match is the closest. Asked by [`Self::ttl_of`].
    pub types: Vec<(MediaPattern, Duration)>,
    /// What the server's word on caching counts for.
    pub origin: Origin,
    /// The `Cache-Control` that clients get instead of the server's; `None` = the server's.
    pub browser: Option<String>,
    /// What in a request makes it pass by the cache.
    pub bypass: Bypass,
    /// Requests for a key, within a while, before the response is kept; 1 = the first is.
    pub min_uses: u8,
    /// Bytes of the largest body that is kept; at most [`CacheLimits::size`].
    pub max_object: u64,
    /// Whether HEAD is answered from the cache, as GET always is.
    pub head: bool,
    /// Which requests get the same response.
    pub key: KeyRules,
    /// Whether every user has a cache of their own, and what tells users apart; `None` = one cache for all.
    pub per_user: Option<PerUser>,
    /// Tags that every kept response gets, beside those that the server gives it.
    pub tags: Vec<TagTemplate>,
    /// Whether `Cache-Tag`, `Surrogate-Key` and `xkey` go to clients.
    pub expose_tags: bool,
    /// `stale-while-revalidate` (RFC 5861 3) where the response has none; `None` = not at all.
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 4) where the response has none; `None` = not at all.
    pub stale_if_error: Option<Duration>,
    /// How long past its freshness a response may answer while its server cannot be reached or fails, whatever the
    /// response says; `None` = not at all.
    pub serve_stale: Option<Duration>,
}

/// For how long responses are fresh that do not say so themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ttl {
    /// Those whose status HTTP lets be cached by default (RFC 9110 15.1), but for 206, which is never kept.
    Default(Duration),
    /// By status; no two sets of the same size overlap, and smaller ones come first, so that the first match is the
    /// closest.
    ByStatus(Vec<(StatusSet, Duration)>),
}

/// What the server's word on caching counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its `Cache-Control`, `Expires` and `Pragma` decide what is kept and for how long.
    Respect,
    /// They are not heeded for that: [`CacheRules::ttl_of`] alone decides, and where it gives nothing, nothing is kept.
    Ignore,
}

words!(Origin, "value of `origin`", {
    Respect => "respect",
    Ignore => "ignore",
});

/// What in a request makes it pass by the cache: it is not answered from it, and its response is not kept. One of these
/// is enough, whatever its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bypass {
    /// Names of cookies, in their case.
    pub cookies: Vec<String>,
    /// Lower-case names of header fields.
    pub headers: Vec<String>,
    /// Query parameters.
    pub query: Vec<QueryName>,
}

impl Bypass {
    /// Whether nothing passes by.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.headers.is_empty() && self.query.is_empty()
    }
}

/// Which requests get the same response: those that are alike in all of this, and in their path. What `Vary` names comes
/// on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    /// Which parameters of the query count.
    pub query: KeyQuery,
    /// Whether the parameters count in the order of their names, so that another order is no other key.
    pub sort: bool,
    /// Lower-case names of the header fields whose values count.
    pub headers: Vec<String>,
    /// Names of the cookies whose values count, in their case.
    pub cookies: Vec<String>,
    /// Whether the class of the device counts, as `User-Agent` tells it.
    pub device: bool,
    /// Whether the host counts, and the port with it.
    pub host: bool,
    /// Whether the scheme counts.
    pub scheme: bool,
}

/// Which parameters of the query count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyQuery {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Only these; at least one.
    Keep(Vec<QueryName>),
    /// All but these; at least one.
    Drop(Vec<QueryName>),
}

impl KeyQuery {
    /// Whether the parameter of this name counts. The name is as the URL has it.
    #[must_use]
    pub fn counts(&self, name: &[u8]) -> bool {
        let among = |names: &[QueryName]| names.iter().any(|wanted| wanted.matches(name));
        match self {
            Self::All => true,
            Self::None => false,
            Self::Keep(names) => among(names),
            Self::Drop(names) => !among(names),
        }
    }
}

/// What tells users apart. Requests that do not have it share a cache of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PerUser {
    /// The value of `Authorization`.
    Authorization,
    /// The value of the cookie of this name.
    Cookie(String),
}

impl CacheRules {
    /// For how long a response is fresh that does not say so itself; `None` = the file says nothing of it.
    #[must_use]
    pub fn ttl_of(&self, status: u16, content_type: Option<&[u8]>) -> Option<Duration> {
        let by_type = content_type
            .filter(|_| status == 200)
            .and_then(|kind| self.types.iter().find(|(pattern, _)| pattern.matches(kind)));
        match (by_type, &self.ttl) {
            (Some((_, ttl)), _) => Some(*ttl),
            (None, Some(Ttl::Default(ttl))) => is_cacheable_by_default(status).then_some(*ttl),
            (None, Some(Ttl::ByStatus(sets))) => sets
                .iter()
                .find(|(set, _)| set.contains(status))
                .map(|(_, ttl)| *ttl),
            (None, None) => None,
        }
    }
}

/// RFC 9110 15.1, without 206.
const fn is_cacheable_by_default(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::scalar::FromScalar;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn rules(ttl: Option<Ttl>, types: &[(&str, u64)]) -> CacheRules {
        let types = types
            .iter()
            .map(|(kind, ttl)| (MediaPattern::read(kind).unwrap(), minutes(*ttl)));
        CacheRules {
            ttl,
            types: types.collect(),
            origin: Origin::Respect,
            browser: None,
            bypass: Bypass::default(),
            min_uses: 1,
            max_object: 0,
            head: true,
            key: KeyRules {
                query: KeyQuery::All,
                sort: false,
                headers: Vec::new(),
                cookies: Vec::new(),
                device: false,
                host: true,
                scheme: true,
            },
            per_user: None,
            tags: Vec::new(),
            expose_tags: false,
            stale_while_revalidate: None,
            stale_if_error: None,
            serve_stale: None,
        }
    }

    #[test]
    fn one_duration_is_for_what_may_be_cached_by_default() {
        let rules = rules(Some(Ttl::Default(minutes(5))), &[]);
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            assert_eq!(rules.ttl_of(status, None), Some(minutes(5)), "{status}");
        }
        for status in [100, 201, 206, 302, 304, 307, 400, 403, 429, 500, 502, 503] {
            assert_eq!(rules.ttl_of(status, None), None, "{status}");
        }
    }

    #[test]
    fn the_first_set_with_the_status_counts() {
        let set = |text: &str, ttl| (text.parse::<StatusSet>().unwrap(), minutes(ttl));
        let ttl = Ttl::ByStatus(vec![set("404", 1), set("4xx", 2)]);
        let rules = rules(Some(ttl), &[]);
        assert_eq!(rules.ttl_of(404, None), Some(minutes(1)));
        assert_eq!(rules.ttl_of(403, None), Some(minutes(2)));
        assert_eq!(rules.ttl_of(200, None), None);
    }

    #[test]
    fn the_type_comes_before_the_status_but_for_200_only() {
        let types = [("image/png", 2), ("image/*", 3)];
        let with_ttl = rules(Some(Ttl::Default(minutes(1))), &types);
        for (status, kind, ttl) in [
            (200, Some("image/png"), Some(2)),
            (200, Some("IMAGE/PNG; q=1"), Some(2)),
            (200, Some("image/webp"), Some(3)),
            (200, Some("text/html"), Some(1)),
            (200, None, Some(1)),
            (404, Some("image/png"), Some(1)),
            (500, Some("image/png"), None),
        ] {
            let found = with_ttl.ttl_of(status, kind.map(str::as_bytes));
            assert_eq!(found, ttl.map(minutes), "{status} {kind:?}");
        }
        assert_eq!(rules(None, &types).ttl_of(200, Some(b"text/html")), None);
    }

    #[test]
    fn parameters_are_kept_or_dropped() {
        let names = |names: &[&str]| {
            let names = names.iter().map(|name| QueryName::from_text(name));
            names.collect::<Result<Vec<_>, _>>().unwrap()
        };
        let keep = KeyQuery::Keep(names(&["page", "filter_*"]));
        assert!(keep.counts(b"page") && keep.counts(b"filter_a") && !keep.counts(b"utm_a"));
        let drop = KeyQuery::Drop(names(&["utm_*"]));
        assert!(drop.counts(b"page") && !drop.counts(b"utm_a"));
        assert!(KeyQuery::All.counts(b"page") && !KeyQuery::None.counts(b"page"));
    }
}
