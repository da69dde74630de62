//! What the caches hold, and what they had to do with requests.

use super::text::{Kind, Text};
use crate::{
    registry::{RouteCache, Tables},
    stats::{CacheOutcomes, WorkerStats},
};

pub(super) fn cache(text: &mut Text<'_>, tables: &Tables) {
    text.head(
        "ringfence_cache_requests_total",
        Kind::Counter,
        "Requests on a route with a cache, by what it had to do with them.",
    );
    for (route, cache) in tables.cache_by_route() {
        for (outcome, sum) in CacheOutcomes::NAMES.into_iter().zip(cache.requests) {
            text.sample(&[("route", route), ("outcome", outcome)], sum);
        }
    }
    text.head(
        "ringfence_cache_evictions_total",
        Kind::Counter,
        "Stored responses that went to make room for others.",
    );
    let workers = tables.workers.values();
    text.sample(&[], workers.map(|w| w.cached.evictions.get()).sum());
    each(
        text,
        tables,
        "ringfence_cache_entries",
        "Stored responses, by worker.",
        |worker| worker.cached.entries.get(),
    );
    each(
        text,
        tables,
        "ringfence_cache_bytes",
        "Bytes that stored responses take, by worker.",
        |worker| worker.cached.bytes.get(),
    );
    for (name, kind, help, of) in BY_ROUTE {
        text.head(name, kind, help);
        for (route, cache) in tables.cache_by_route() {
            text.sample(&[("route", route)], of(&cache));
        }
    }
}

/// A metric of a route: its name, kind and help, and its value.
type OfRoute = (&'static str, Kind, &'static str, fn(&RouteCache) -> u64);

/// Each has a name of its own, so that sums over the workers' do not count twice.
const BY_ROUTE: [OfRoute; 3] = [
    (
        "ringfence_cache_route_entries",
        Kind::Gauge,
        "Stored responses, by route; those of routes that are gone are of (none).",
        |cache| cache.entries,
    ),
    (
        "ringfence_cache_route_bytes",
        Kind::Gauge,
        "Bytes that stored responses take, by route, without the tables that they are found by.",
        |cache| cache.bytes,
    ),
    (
        "ringfence_cache_route_evictions_total",
        Kind::Counter,
        "Stored responses that went to make room for others, by route.",
        |cache| cache.evictions,
    ),
];

fn each(
    text: &mut Text<'_>,
    tables: &Tables,
    name: &'static str,
    help: &str,
    of: fn(&WorkerStats) -> u64,
) {
    text.head(name, Kind::Gauge, help);
    for (ix, worker) in &tables.workers {
        text.sample(&[("worker", &ix.to_string())], of(worker));
    }
}
