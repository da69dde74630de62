//! What the control socket can have done.

use crate::scene::Shared;
use axum::{extract::State, http::StatusCode};
use std::sync::Arc;

/// Reloads: 200 with a line about it, or 422 with the reason for which the old plan stays.
pub(super) async fn reload(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    // A reload goes on to its end even if whoever asked has hung up: a blocking task is never cancelled.
    let outcome = tokio::task::spawn_blocking(move || shared.host.reload());
    match outcome.await {
        Ok(Ok(done)) => (StatusCode::OK, format!("{done}\n")),
        Ok(Err(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the reload failed by a defect of ours; see the process's standard error\n".into(),
        ),
    }
}

/// Begins a graceful stop: 202, before it has ended.
pub(super) async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    shared.host.stop();
    (
        StatusCode::ACCEPTED,
        "stopping: requests in flight may finish\n",
    )
}
