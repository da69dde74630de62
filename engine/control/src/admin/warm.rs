//! `/cache/fetch` and `/cache/purged`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use ringfence_telemetry::Target;

use super::cache::{NOT_JSON, is_json};
use crate::{explain::Explain, scene::Shared, warm::fetch};

/// Has something asked for that the cache is to have, and says what became of it: 200, 400 for what is no request, 503 while
/// the process ends.
pub(super) async fn fetched(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_json(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON).into_response();
    }
    let target = match read(&body) {
        Ok(target) => target,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    };
    match fetch(shared, target).await {
        Ok(fetched) => Json(fetched).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

/// What is stored and was purged softly, as requests that would have it validated; each once.
pub(super) async fn purged(State(shared): State<Arc<Shared>>) -> Response {
    let outcome = tokio::task::spawn_blocking(move || shared.host.softly_purged()).await;
    match outcome {
        Ok(Ok(mut targets)) => {
            targets.sort_unstable();
            targets.dedup();
            Json(targets).into_response()
        }
        Ok(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "no answer by a defect of ours; see the process's standard error\n",
        )
            .into_response(),
    }
}

fn read(body: &[u8]) -> Result<Target, String> {
    let target: Target = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Explain::of(&target).check()?;
    Ok(target)
}
