//! One active check of one server.

use crate::{
    exchange::{Ask, connect, exchange},
    trouble::Trouble,
};
use ringfence_config::{Check, CheckKind, Endpoint, limits::CHECK_BODY};

/// Checks once, within the check's time-out.
///
/// # Errors
/// Why the server did not pass, or could not be checked.
pub(super) async fn probe(endpoint: &Endpoint, check: &Check) -> Result<(), Trouble> {
    tokio::time::timeout(check.timeout, ask(endpoint, &check.kind))
        .await
        .unwrap_or_else(|_| {
            let limit = check.timeout;
            Err(Trouble::theirs(format!("no answer within {limit:?}")))
        })
}

async fn ask(endpoint: &Endpoint, kind: &CheckKind) -> Result<(), Trouble> {
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
        json: None,
        body: if body.is_some() { CHECK_BODY } else { 0 },
    })
    .await?;
    if !expect.contains(answer.status) {
        let status = answer.status;
        return Err(Trouble::theirs(format!("it answered with status {status}")));
    }
    match body {
        Some(text) if !contains(&answer.body, text.as_bytes()) => Err(Trouble::theirs(format!(
            "its answer does not hold {text:?}"
        ))),
        _ => Ok(()),
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
