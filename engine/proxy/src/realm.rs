//! What sets the stored responses of routes apart.

use ringfence_balance::hash_key;
use ringfence_config::{Action, Plan, Route};

/// Tells apart what is asked by different routes, of different upstreams or in different ways: it stays the same over a reload that changes
/// none of that.
pub(crate) fn realm(plan: &Plan, route: &Route) -> u64 {
    let (Action::Upstream(upstream), Some(_)) = (&route.action, &route.cache) else {
        return 0;
    };
    let upstream = plan.upstream(*upstream);
    let asked = (
        &route.matcher,
        &upstream.name,
        &upstream.host,
        &route.rewrite,
        &route.request_headers,
        &route.cache,
    );
    hash_key(format!("{asked:?}").as_bytes())
}
