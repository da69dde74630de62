//! Warms the caches of a running process.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ringfence_config::Endpoint;
use ringfence_telemetry::{Fetched, Target, Targets};
use tokio::time::timeout;

use super::{ClientError, command_within};
use crate::{
    exchange::{Ask, exchange},
    warm::{Fetching, Files, Sources, Tally, Watch, run},
};

/// How long the process may take for one URL; its own limit is 60 s.
const LIMIT: Duration = Duration::from_secs(70);

/// Bytes of what is said of one URL.
const MOST_SAID: usize = 64 << 10;

/// Bytes of a list of all that was purged softly.
const MOST_LISTED: usize = 64 << 20;

/// Has the process at `socket` ask for all URLs of `sources`, and where `purged` says so for what is stored and was purged
/// softly; `most` at once. `watch` is told how it goes.
///
/// # Errors
/// If nobody answers, a source cannot be read, or the process ends meanwhile.
pub fn warm(
    socket: &Path,
    sources: &Sources,
    purged: bool,
    most: usize,
    watch: &mut impl Watch,
) -> Result<Tally, ClientError> {
    // Where nobody is, that is told before a source is read.
    super::file(socket)?;
    let refused = |why: String| ClientError::Refused(why);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let mut targets = runtime
        .block_on(sources.targets(Files::Any))
        .map_err(refused)?;
    let mut has_more = false;
    if purged {
        let limit = Duration::from_secs(10);
        let text = command_within(socket, "GET", "/cache/purged", None, limit, MOST_LISTED)?;
        let listed: Targets =
            serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        targets.extend(listed.targets);
        has_more = listed.has_more;
    }
    let ask = |target| -> Fetching { Box::pin(fetch(socket.to_owned(), target)) };
    let tally = runtime.block_on(run(targets, most, ask, watch));
    let tally = tally.map_err(refused)?;
    Ok(Tally { has_more, ..tally })
}

async fn fetch(socket: PathBuf, target: Target) -> Result<Fetched, String> {
    let json = serde_json::to_vec(&target).map_err(|error| error.to_string())?;
    let endpoint = Endpoint::Unix(socket);
    let ask = Ask {
        endpoint: &endpoint,
        method: "POST",
        path: "/cache/fetch",
        host: None,
        json: Some(json),
        body: MOST_SAID,
    };
    let answer = timeout(LIMIT, exchange(&ask)).await;
    let answer = answer.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))?;
    let answer = answer.map_err(|trouble| format!("the process does not answer: {trouble}"))?;
    let said = || String::from_utf8_lossy(&answer.body).trim_end().to_owned();
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|error| error.to_string()),
        // It is this one that can't be asked for.
        status @ (400 | 413) => Ok(Fetched {
            status,
            reason: Some(said()),
            ..Fetched::default()
        }),
        _ => Err(said()),
    }
}
