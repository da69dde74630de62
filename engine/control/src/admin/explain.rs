//! `/explain`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::cache::{NOT_JSON, is_json};
use crate::{explain::Explain, scene::Shared};

/// Says as JSON what would become of a request: 200, 400 for a question that can't be put, 503 where a worker gives no answer.
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_json(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON).into_response();
    }
    let question = match read(&body) {
        Ok(question) => question,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    };
    let outcome = tokio::task::spawn_blocking(move || shared.host.explain(&question));
    match outcome.await {
        Ok(Ok(explanation)) => Json(explanation).into_response(),
        Ok(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "no answer by a defect of ours; see the process's standard error\n",
        )
            .into_response(),
    }
}

fn read(body: &[u8]) -> Result<Explain, String> {
    let question: Explain = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    question.check()?;
    Ok(question)
}
