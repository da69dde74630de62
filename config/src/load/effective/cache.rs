//! The cache, and what routes keep in it.

use crate::file::cache as file;
use crate::file::shape::Or;
use crate::load::effective::field::some;
use crate::plan::cache::{CacheLimits, CacheRules};
use crate::values::amount::Size;
use crate::values::scalar::Scalar;

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
    Or::Table(file::RouteCache {
        origin: some(plan.origin),
        max_object: some(Size(plan.max_object)),
        ..file::RouteCache::default()
    })
}
