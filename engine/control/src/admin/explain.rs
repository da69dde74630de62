//! `/explain`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::order;
use crate::{explain::Explain, scene::Shared};

/// Says as JSON what would become of a request; as for any [`order`].
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match order::read(&headers, &body, Explain::check) {
        Ok(question) => order::carry_out(move || shared.host.explain(&question)).await,
        Err(refusal) => refusal.into_response(),
    }
}
