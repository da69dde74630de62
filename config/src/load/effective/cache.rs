//! The cache, and what routes keep in it.

use std::time::Duration;

use crate::file::cache as file;
use crate::file::shape::{OneOrMany, Or};
use crate::load::effective::field::{or_off, some};
use crate::plan::cache::{Bypass, CacheLimits, CacheRules, KeyQuery, KeyRules, PerUser, Ttl};
use crate::values::amount::Size;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::token::{FieldValue, Token};

pub(super) fn limits(plan: &CacheLimits) -> file::Cache {
    file::Cache {
        size: some(Size(plan.size)),
        max_object: some(Size(plan.max_object)),
    }
}

pub(super) fn rules(plan: Option<&CacheRules>) -> Or<Scalar<bool>, file::RouteCache> {
    let Some(plan) = plan else {
        return Or::Short(Scalar(false));
    };
    let methods = std::iter::once("GET").chain(plan.head.then_some("HEAD"));
    let types = durations(&plan.types, |kind| kind.show());
    Or::Table(file::RouteCache {
        ttl: plan.ttl.as_ref().map(ttl),
        types: Some(types).filter(|types| !types.is_empty()),
        origin: some(plan.origin),
        browser: plan
            .browser
            .clone()
            .map(|control| Scalar(FieldValue(control))),
        bypass: Some(bypass(&plan.bypass)),
        min_uses: some(u32::from(plan.min_uses)),
        max_object: some(Size(plan.max_object)),
        methods: many(methods.map(|method| Token(method.to_owned()))),
        key: Some(key(&plan.key)),
        per_user: Some(per_user(plan.per_user.as_ref())),
        tags: many(plan.tags.iter().cloned()),
        expose_tags: some(plan.expose_tags),
        stale_while_revalidate: or_off(plan.stale_while_revalidate),
        stale_if_error: or_off(plan.stale_if_error),
        serve_stale: or_off(plan.serve_stale),
    })
}

fn many<T>(items: impl IntoIterator<Item = T>) -> Option<OneOrMany<Scalar<T>>> {
    Some(OneOrMany(items.into_iter().map(Scalar).collect()))
}

fn tokens(names: &[String]) -> Option<OneOrMany<Scalar<Token>>> {
    many(names.iter().cloned().map(Token))
}

fn ttl(plan: &Ttl) -> Or<Scalar<Duration>, file::Durations> {
    match plan {
        Ttl::Default(ttl) => Or::Short(Scalar(*ttl)),
        Ttl::ByStatus(sets) => Or::Table(durations(sets, |set| set.show())),
    }
}

fn durations<T>(plan: &[(T, Duration)], show: impl Fn(&T) -> String) -> file::Durations {
    let shown = plan.iter().map(|(what, ttl)| (show(what), Scalar(*ttl)));
    shown.collect()
}

fn bypass(plan: &Bypass) -> file::Bypass {
    file::Bypass {
        cookies: tokens(&plan.cookies),
        headers: many(plan.headers.iter().cloned()),
        query: many(plan.query.iter().cloned()),
    }
}

fn key(plan: &KeyRules) -> file::CacheKey {
    let (query, keep, drop) = match &plan.query {
        KeyQuery::All => (some(file::QueryWord::All), None, None),
        KeyQuery::None => (some(file::QueryWord::None), None, None),
        KeyQuery::Keep(names) => (None, many(names.iter().cloned()), None),
        KeyQuery::Drop(names) => (None, None, many(names.iter().cloned())),
    };
    file::CacheKey {
        query,
        keep,
        drop,
        sort: some(plan.sort),
        headers: many(plan.headers.iter().cloned()),
        cookies: tokens(&plan.cookies),
        device: some(plan.device),
        host: some(plan.host),
        scheme: some(plan.scheme),
    }
}

fn per_user(plan: Option<&PerUser>) -> Or<Scalar<OrOff<file::PerUserWord>>, file::PerUserCookie> {
    match plan {
        None => Or::Short(Scalar(OrOff::Off)),
        Some(PerUser::Authorization) => {
            Or::Short(Scalar(OrOff::On(file::PerUserWord::Authorization)))
        }
        Some(PerUser::Cookie(name)) => Or::Table(file::PerUserCookie {
            cookie: some(Token(name.clone())),
        }),
    }
}
