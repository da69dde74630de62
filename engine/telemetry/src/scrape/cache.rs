//! What the caches hold, and what they had to do with requests.

use super::text::{Kind, Text};
use crate::{
    registry::Tables,
    stats::{CacheOutcomes, WorkerStats},
};

pub(super) fn cache(text: &mut Text<'_>, tables: &Tables) {
    text.head(
        "ringfence_cache_requests_total",
        Kind::Counter,
        "Requests on a route with a cache, by what it had to do with them.",
    );
    for (route, sums) in tables.cache_by_route() {
        for (outcome, sum) in CacheOutcomes::NAMES.into_iter().zip(sums) {
            text.sample(&[("route", route), ("outcome", outcome)], sum);
        }
    }
    text.head(
        "ringfence_cache_evictions_total",
        Kind::Counter,
        "Stored responses that went to make room for others.",
    );
    let workers = tables.workers.values();
    text.sample(&[], workers.map(|w| w.cache_evictions.get()).sum());
    each(
        text,
        tables,
        "ringfence_cache_entries",
        "Stored responses, by worker.",
        |worker| worker.cache_entries.get(),
    );
    each(
        text,
        tables,
        "ringfence_cache_bytes",
        "Bytes that stored responses take, by worker.",
        |worker| worker.cache_bytes.get(),
    );
}

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
