//! `/cache/purge` and `/cache/stats`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use ringfence_telemetry::WorkerStats;
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

/// What the caches hold, and what they had to do with requests, as JSON.
pub(super) async fn stats(State(shared): State<Arc<Shared>>) -> Json<Stats> {
    let workers = shared.registry.workers();
    let workers: Vec<_> = workers
        .iter()
        .map(|(worker, stats)| One {
            worker: *worker,
            numbers: Numbers::of(stats),
        })
        .collect();
    let total = workers
        .iter()
        .fold(Numbers::default(), |sum, one| sum.with(&one.numbers));
    Json(Stats { total, workers })
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
}

#[derive(Debug, Serialize)]
struct One {
    worker: usize,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Debug, Default, Serialize)]
struct Numbers {
    /// Stored responses; one that several workers have counts for each.
    entries: u64,
    bytes: u64,
    hits: u64,
    misses: u64,
    stale: u64,
    revalidated: u64,
    expired: u64,
    bypassed: u64,
    evictions: u64,
}

impl Numbers {
    fn of(stats: &WorkerStats) -> Self {
        let served = &stats.cache;
        Self {
            entries: stats.cache_entries.get(),
            bytes: stats.cache_bytes.get(),
            hits: served.hits.get(),
            misses: served.misses.get(),
            stale: served.stale.get(),
            revalidated: served.revalidated.get(),
            expired: served.expired.get(),
            bypassed: served.bypassed.get(),
            evictions: stats.cache_evictions.get(),
        }
    }

    fn with(self, other: &Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            stale: self.stale + other.stale,
            revalidated: self.revalidated + other.revalidated,
            expired: self.expired + other.expired,
            bypassed: self.bypassed + other.bypassed,
            evictions: self.evictions + other.evictions,
        }
    }
}
