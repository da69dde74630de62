//! One active check of one server.

use crate::exchange::{Ask, connect, exchange};
use ringfence_config::{Check, CheckKind, Endpoint, limits::CHECK_BODY};

/// Checks once, within the check's time-out.
///
/// # Errors
/// Why the server did not pass, in a few words.
pub(super) async fn probe(endpoint: &Endpoint, check: &Check) -> Result<(), String> {
    tokio::time::timeout(check.timeout, ask(endpoint, &check.kind))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {:?}", check.timeout)))
}

async fn ask(endpoint: &Endpoint, kind: &CheckKind) -> Result<(), String> {
    let CheckKind::Http {
        method,
        path,
        host,
        expect,
        body,
    } = kind
    else {
        return connect(endpoint).await;
    };
    let answer = exchange(&Ask {
        endpoint,
        method,
        path,
        host: host.as_deref(),
        body: if body.is_some() { CHECK_BODY } else { 0 },
    })
    .await?;
    if !expect.contains(answer.status) {
        return Err(format!("it answered with status {}", answer.status));
    }
    match body {
        Some(text) if !contains(&answer.body, text.as_bytes()) => {
            Err(format!("its answer does not hold {text:?}"))
        }
        _ => Ok(()),
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
