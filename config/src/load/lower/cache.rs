//! `[cache]`, and what a route keeps in it.

mod key;
mod ttl;

use std::sync::Arc;

use crate::file::cache as file;
use crate::file::shape::{OneOrMany, Or};
use crate::limits as most;
use crate::load::lower::field::{no_effect, value};
use crate::load::lower::tags;
use crate::load::report::Place;
use crate::matching::Matcher;
use crate::plan::cache::{CacheLimits, CacheRules, Origin, PerUser};
use crate::plan::tag::TagTemplate;
use crate::values::amount::Size;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::token::{FieldValue, Token};
use crate::values::wrong::{Wrong, quoted};

pub(super) fn limits(file: &file::Cache, at: &Place<'_>) -> CacheLimits {
    let size = at
        .key("size")
        .bounded(value(&file.size).map(|size| size.0), &most::CACHE_SIZE);
    let max_object = max_object(file.max_object.as_ref(), size, &at.key("max_object"));
    CacheLimits {
        size,
        max_object: max_object.unwrap_or(most::MAX_OBJECT.default.min(size)),
    }
}

/// The largest body, where the file has it. Complains if the whole cache is smaller.
fn max_object(written: Option<&Scalar<Size>>, cache: u64, at: &Place<'_>) -> Option<u64> {
    let size = at.within(written.map(|size| size.0.0), &most::MAX_OBJECT)?;
    if size > cache {
        let wrong = Wrong::new("a body may be larger than the whole cache");
        at.say(wrong.help(format!(
            "`max_object` is {}, `size` of `[cache]` is {}",
            Size(size).show(),
            Size(cache).show()
        )));
        return None;
    }
    Some(size)
}

/// What a route keeps; `None` = nothing.
pub(super) fn rules(
    written: Option<Or<Scalar<bool>, file::RouteCache>>,
    limits: &CacheLimits,
    matcher: &Matcher,
    at: &Place<'_>,
) -> Option<Arc<CacheRules>> {
    let file = match written? {
        Or::Short(Scalar(false)) => return None,
        Or::Short(Scalar(true)) => file::RouteCache::default(),
        Or::Table(file) => file,
    };
    check_get(matcher, at);
    check_origin(&file, at);
    let own = max_object(file.max_object.as_ref(), limits.size, &at.key("max_object"));
    let min_uses = at
        .key("min_uses")
        .bounded(value(&file.min_uses), &most::MIN_USES);
    let stale = |field: &Option<_>, key| ttl::stale(field.as_ref(), &at.key(key));
    Some(Arc::new(CacheRules {
        stale_while_revalidate: stale(&file.stale_while_revalidate, "stale_while_revalidate"),
        stale_if_error: stale(&file.stale_if_error, "stale_if_error"),
        serve_stale: stale(&file.serve_stale, "serve_stale"),
        ttl: ttl::ttl(file.ttl, at),
        types: ttl::types(file.types, at),
        origin: value(&file.origin).unwrap_or(Origin::Respect),
        browser: browser(&file.browser, &at.key("browser")),
        bypass: key::bypass(file.bypass.unwrap_or_default(), &at.key("bypass")),
        min_uses: u8::try_from(min_uses).unwrap_or(u8::MAX),
        max_object: own.unwrap_or(limits.max_object),
        head: answers_head(file.methods, at),
        key: key::lower(file.key.unwrap_or_default(), &at.key("key")),
        per_user: per_user(file.per_user, &at.key("per_user")),
        tags: tags::lower(file.tags, matcher, &at.key("tags")),
        expose_tags: value(&file.expose_tags).unwrap_or(false),
    }))
}

fn check_get(matcher: &Matcher, at: &Place<'_>) {
    let get = |method: &String| method == "GET";
    if !matcher.methods.is_empty() && !matcher.methods.iter().any(get) {
        let wrong = no_effect("cache", "on a route without GET");
        at.say_of_key(wrong.help("only responses to GET are kept"));
    }
}

/// Whoever is not to heed the server has to be told what to do instead.
fn check_origin(file: &file::RouteCache, at: &Place<'_>) {
    let ignore = value(&file.origin) == Some(Origin::Ignore);
    if ignore && !at.written("ttl") && !at.written("types") {
        at.key("origin").say(
            Wrong::new("nothing says for how long responses are fresh").help(
                "with `origin = \"ignore\"`, `ttl` and `types` do: for example `ttl = \"5m\"`",
            ),
        );
    }
}

fn browser(written: &Option<Scalar<FieldValue>>, at: &Place<'_>) -> Option<String> {
    let control = value(written)?.0;
    if control.is_empty() {
        at.say(Wrong::new("an empty `Cache-Control` says nothing").help(
            "for example \"public, max-age=31536000, immutable\", or leave it out for the server's",
        ));
    }
    Some(control)
}

/// Whether HEAD is among the methods, of which GET has to be one.
fn answers_head(written: Option<OneOrMany<Scalar<Token>>>, cache: &Place<'_>) -> bool {
    let Some(OneOrMany(methods)) = written else {
        return true;
    };
    let at = cache.key("methods");
    let mut complained = cache.broken("methods");
    for (place, Scalar(Token(method))) in methods.iter().enumerate() {
        if !matches!(method.as_str(), "GET" | "HEAD") {
            let wrong = Wrong::new(format!("{} is not answered from a cache", quoted(method)));
            at.index(place)
                .say(wrong.help("only \"GET\" and \"HEAD\" can be, in this case"));
            complained = true;
        }
    }
    let has = |wanted| methods.iter().any(|method| method.0.0 == wanted);
    if !has("GET") && !complained {
        at.say(
            Wrong::new("a cache that does not answer GET keeps nothing")
                .help("\"GET\" has to be one of its methods"),
        );
    }
    has("HEAD")
}

fn per_user(
    written: Option<Or<Scalar<OrOff<file::PerUserWord>>, file::PerUserCookie>>,
    at: &Place<'_>,
) -> Option<PerUser> {
    let file = match written? {
        Or::Short(Scalar(OrOff::Off)) => return None,
        Or::Short(Scalar(OrOff::On(file::PerUserWord::Authorization))) => {
            return Some(PerUser::Authorization);
        }
        Or::Table(file) => file,
    };
    let cookie = value(&file.cookie);
    if cookie.is_none() {
        at.missing(
            "cookie",
            "for example `per_user = { cookie = \"session\" }`",
        );
    }
    cookie.map(|name| PerUser::Cookie(name.0))
}

/// The tags that a route purges.
pub(super) fn purges(
    written: Option<OneOrMany<Scalar<TagTemplate>>>,
    matcher: &Matcher,
    at: &Place<'_>,
) -> Vec<TagTemplate> {
    let safe = |method: &String| matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
    let changes = matcher.methods.is_empty() || !matcher.methods.iter().all(safe);
    if written.as_ref().is_some_and(|tags| !tags.0.is_empty()) && !changes {
        let wrong = no_effect("purges", "on a route whose methods change nothing");
        at.say_of_key(wrong.help("it purges when a request such as POST or DELETE succeeds"));
    }
    tags::lower(written, matcher, at)
}
