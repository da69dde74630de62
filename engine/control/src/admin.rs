//! What the admin listener and the control socket answer.

mod cache;
mod commands;
mod explain;
mod health;
mod metrics;
mod order;
mod warm;

use crate::scene::Shared;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use std::sync::Arc;

/// The admin listener's paths. All of them only read, but for the one that purges what is cached.
pub(crate) fn over_tcp(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(health::summary))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .merge(caches())
        .fallback(not_found)
        .with_state(shared)
}

/// The control socket's paths: whoever may open the socket may command the process.
pub(crate) fn over_socket(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/status", get(health::summary))
        .route("/reload", post(commands::reload))
        .route("/stop", post(commands::stop))
        .route("/cache/fetch", post(warm::fetched))
        .route("/cache/purged", get(warm::purged))
        .merge(caches())
        .fallback(not_found)
        .with_state(shared)
}

fn caches() -> Router<Arc<Shared>> {
    Router::new()
        .route("/cache/stats", get(cache::stats))
        .route("/cache/purge", post(cache::purge))
        .route("/explain", post(explain::explain))
        .layer(DefaultBodyLimit::max(order::MOST_BODY))
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "not found\n")
}
