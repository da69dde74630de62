//! `/cache/fetch` and `/cache/purged`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use ringfence_telemetry::Target;

use super::order;
use crate::{explain::Explain, scene::Shared, warm::fetch};

/// Has something asked for that the cache is to have, and says what became of it; as for any [`order`], 503 while the process
/// ends.
pub(super) async fn fetched(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let check = |target: &Target| Explain::of(target).check();
    match order::read(&headers, &body, check) {
        Ok(target) => order::answer(fetch(shared, target).await),
        Err(refusal) => refusal.into_response(),
    }
}

/// What is stored and was purged softly, as requests that would have it validated; each once. It says where there is more.
pub(super) async fn purged(State(shared): State<Arc<Shared>>) -> Response {
    let purged = move || {
        let mut purged = shared.host.softly_purged()?;
        purged.targets.sort_unstable();
        purged.targets.dedup();
        Ok(purged)
    };
    order::carry_out(purged).await
}
