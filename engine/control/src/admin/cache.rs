//! `/cache/purge` and `/cache/stats`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use ringfence_telemetry::{CacheCounts, RouteCache, WorkerStats};
use serde::Serialize;

use super::order;
use crate::{purge::Purge, scene::Shared};

/// Purges; as for any [`order`], 503 where a worker has yet to do so.
pub(super) async fn purge(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let purge = match order::read(&headers, &body, Purge::check) {
        Ok(purge) => purge,
        Err(refusal) => return refusal.into_response(),
    };
    let carry_out = move || {
        let purged = purge.orders();
        shared.host.purge(&purge).map(|()| Purged { purged })
    };
    order::carry_out(carry_out).await
}

/// What the caches hold, and what they had to do with requests, as JSON: in all, by worker and by route.
pub(super) async fn stats(State(shared): State<Arc<Shared>>) -> Json<Stats> {
    let workers = shared.registry.workers();
    let workers: Vec<_> = workers
        .iter()
        .map(|(worker, stats)| One {
            worker: *worker,
            numbers: Numbers::of(stats),
        })
        .collect();
    let numbers = workers.iter().map(|one| &one.numbers);
    let routes = shared.registry.cache_by_route().into_iter();
    Json(Stats {
        total: Numbers::sum(numbers),
        workers,
        routes: routes
            .map(|(route, cache)| Route {
                route,
                numbers: Numbers::of_route(&cache),
            })
            .collect(),
    })
}

#[derive(Debug, Serialize)]
struct Purged {
    /// Orders that were carried out, not responses that went.
    purged: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Stats {
    total: Numbers,
    workers: Vec<One>,
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct One {
    worker: usize,
    #[serde(flatten)]
    numbers: Numbers,
}

/// A route with a cache that has been asked; `(none)` stands for those that are gone and have something stored still.
#[derive(Debug, Serialize)]
struct Route {
    route: Box<str>,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Debug, Serialize)]
struct Numbers {
    /// Stored responses; one that several workers have counts for each.
    entries: u64,
    /// Those of a worker include its tables, which belong to no route.
    bytes: u64,
    #[serde(flatten)]
    outcomes: Outcomes,
    evictions: u64,
}

impl Numbers {
    fn of(stats: &WorkerStats) -> Self {
        let [entries, bytes, evictions] = stats.cached.get();
        Self {
            entries,
            bytes,
            outcomes: Outcomes::of(stats.cache.get()),
            evictions,
        }
    }

    fn of_route(cache: &RouteCache) -> Self {
        Self {
            entries: cache.entries,
            bytes: cache.bytes,
            outcomes: Outcomes::of(cache.requests),
            evictions: cache.evictions,
        }
    }

    fn sum<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let sum = |of: fn(&Self) -> u64| all.clone().map(of).sum();
        Self {
            entries: sum(|one| one.entries),
            bytes: sum(|one| one.bytes),
            outcomes: Outcomes::of([
                sum(|one| one.outcomes.hits),
                sum(|one| one.outcomes.misses),
                sum(|one| one.outcomes.stale),
                sum(|one| one.outcomes.revalidated),
                sum(|one| one.outcomes.expired),
                sum(|one| one.outcomes.bypassed),
            ]),
            evictions: sum(|one| one.evictions),
        }
    }
}

/// Requests by what the cache had to do with them.
#[derive(Debug, Serialize)]
struct Outcomes {
    hits: u64,
    misses: u64,
    stale: u64,
    revalidated: u64,
    expired: u64,
    bypassed: u64,
    /// The part of the requests in which the cache had a part that it answered with what it had, fresh or stale, and did not
    /// have validated first; from 0 to 1, null where there was no such request.
    hit_rate: Option<f64>,
}

impl Outcomes {
    fn of(counts: CacheCounts) -> Self {
        let [hits, misses, stale, revalidated, expired, bypassed] = counts;
        let asked = hits + misses + stale + revalidated + expired;
        let hit_rate = (asked > 0).then(|| (hits + stale) as f64 / asked as f64);
        Self {
            hits,
            misses,
            stale,
            revalidated,
            expired,
            bypassed,
            hit_rate,
        }
    }
}
