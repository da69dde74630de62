//! `/cache/purge` and `/cache/stats`.

use crate::{purge::Purge, scene::Shared};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use ringfence_telemetry::WorkerStats;
use serde::Serialize;
use std::sync::Arc;

/// The most that the body of a purge may measure.
pub(super) const MOST_BODY: usize = 1 << 20;

/// What is said of a body that is not said to be JSON.
pub(super) const NOT_JSON: &str =
    "the body has to be JSON, with `Content-Type: application/json`\n";

/// Purges: 200 once no worker answers with what is covered, 400 for an order that can't be carried out, 503 where a worker
/// has yet to do so.
///
/// No page that a browser shows can have it sent: one of another origin may not send JSON unasked.
pub(super) async fn purge(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_json(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON).into_response();
    }
    let purge = match read(&body) {
        Ok(purge) => purge,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    };
    let purged = purge.orders();
    // It goes on to its end even if whoever asked has hung up.
    let outcome = tokio::task::spawn_blocking(move || shared.host.purge(&purge));
    match outcome.await {
        Ok(Ok(())) => Json(Purged { purged }).into_response(),
        Ok(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the purge failed by a defect of ours; see the process's standard error\n",
        )
            .into_response(),
    }
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

/// Whether a body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn read(body: &[u8]) -> Result<Purge, String> {
    let purge: Purge = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    purge.check()?;
    Ok(purge)
}
