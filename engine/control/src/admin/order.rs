//! What the process is asked or told as JSON, and its answers.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

/// The most that the body of an order may measure.
pub(super) const MOST_BODY: usize = 1 << 20;

/// Why an order is not carried out.
pub(super) type Refusal = (StatusCode, String);

/// Reads an order, which `check` has to find sound: 415 where it is not said to be JSON, 400 where it cannot be carried out.
///
/// No page that a browser shows can have one sent: one of another origin may not send JSON unasked.
pub(super) fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    check: impl FnOnce(&T) -> Result<(), String>,
) -> Result<T, Refusal> {
    if !is_json(headers) {
        let why = "the body has to be JSON, with `Content-Type: application/json`\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why.to_owned()));
    }
    let read = serde_json::from_slice(body).map_err(|error| error.to_string());
    let checked = read.and_then(|order| check(&order).map(|()| order));
    checked.map_err(|why| (StatusCode::BAD_REQUEST, why + "\n"))
}

/// Answers with what came of an order: 200, 503 where a worker gives no answer.
pub(super) fn answer(outcome: Result<impl Serialize, String>) -> Response {
    match outcome {
        Ok(made) => Json(made).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

/// Carries an order out that waits for workers, and answers. It goes on to its end even if whoever asked has hung up.
pub(super) async fn carry_out<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => answer(outcome),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "no answer by a defect of ours; see the process's standard error\n",
        )
            .into_response(),
    }
}

/// Whether a body is said to be JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
