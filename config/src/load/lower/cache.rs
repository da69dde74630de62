//! `[cache]`, and what a route keeps in it.

use std::sync::Arc;

use crate::file::cache as file;
use crate::file::shape::Or;
use crate::limits as most;
use crate::load::lower::field::value;
use crate::load::report::Place;
use crate::plan::cache::{Bypass, CacheLimits, CacheRules, KeyQuery, KeyRules, Origin};
use crate::values::amount::Size;
use crate::values::scalar::Scalar;
use crate::values::wrong::Wrong;

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
    at: &Place<'_>,
) -> Option<Arc<CacheRules>> {
    let file = match written? {
        Or::Short(Scalar(false)) => return None,
        Or::Short(Scalar(true)) => file::RouteCache::default(),
        Or::Table(file) => file,
    };
    let max_object = max_object(file.max_object.as_ref(), limits.size, &at.key("max_object"));
    Some(Arc::new(CacheRules {
        ttl: None,
        types: Vec::new(),
        origin: value(&file.origin).unwrap_or(Origin::Respect),
        browser: None,
        bypass: Bypass::default(),
        min_uses: 1,
        max_object: max_object.unwrap_or(limits.max_object),
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
    }))
}
