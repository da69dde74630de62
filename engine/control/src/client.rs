//! How the command line speaks to a running process, through its control socket.

mod warm;

pub use warm::warm;

use crate::{
    exchange::{Answer, Ask, exchange},
    explain::Explain,
    purge::Purge,
    trouble::Trouble,
};
use ringfence_config::Endpoint;
use ringfence_telemetry::explain::Explanation;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The longest reply read: a rendered configuration error may be long, but not longer.
const MAX_REPLY: usize = 1024 * 1024;

/// Why a command had no success.
#[derive(Debug)]
pub enum ClientError {
    /// There is nobody: no socket, or one that nobody listens on.
    Gone(String),
    /// There may be somebody, who does not answer in time.
    Unreachable(String),
    /// The process said no; its words.
    Refused(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(why) | Self::Unreachable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ClientError {}

/// Has the process at `socket` reload its configuration; gives its words of success. Blocks for a minute at most.
///
/// # Errors
/// If nobody answers, or the process refuses the new configuration: then the text says what is wrong with it.
pub fn reload(socket: &Path) -> Result<String, ClientError> {
    command(socket, "POST", "/reload", None, Duration::from_secs(60))
}

/// Has the process at `socket` begin a graceful stop; gives its words. Blocks for ten seconds at most.
///
/// # Errors
/// If nobody answers.
pub fn stop(socket: &Path) -> Result<String, ClientError> {
    command(socket, "POST", "/stop", None, Duration::from_secs(10))
}

/// Asks the process at `socket` for its state, as JSON. Blocks for ten seconds at most.
///
/// # Errors
/// If nobody answers.
pub fn status(socket: &Path) -> Result<String, ClientError> {
    command(socket, "GET", "/status", None, Duration::from_secs(10))
}

/// Has the process at `socket` purge its caches; returns once no worker answers with what is covered. Blocks for ten seconds at
/// most.
///
/// # Errors
/// If nobody answers, the process refuses the order, or a worker has not yet carried it out.
pub fn purge(socket: &Path, purge: &Purge) -> Result<(), ClientError> {
    let json =
        serde_json::to_vec(purge).map_err(|error| ClientError::Refused(error.to_string()))?;
    let limit = Duration::from_secs(10);
    command(socket, "POST", "/cache/purge", Some(json), limit).map(drop)
}

/// Asks the process at `socket` what would become of a request; gives the answer as JSON, and what it reads as. Blocks for ten
/// seconds at most.
///
/// # Errors
/// If nobody answers, the process refuses the question, or a worker gives no answer.
pub fn explain(socket: &Path, question: &Explain) -> Result<(String, Explanation), ClientError> {
    let refused = |error: serde_json::Error| ClientError::Refused(error.to_string());
    let json = serde_json::to_vec(question).map_err(refused)?;
    let limit = Duration::from_secs(10);
    let text = command(socket, "POST", "/explain", Some(json), limit)?;
    let explanation = serde_json::from_str(&text).map_err(refused)?;
    Ok((text, explanation))
}

/// The file that the process at `socket` serves; none where it was started without one. Blocks for ten seconds at most.
///
/// # Errors
/// If nobody answers.
pub fn file(socket: &Path) -> Result<Option<PathBuf>, ClientError> {
    let state = match status(socket) {
        Ok(state) | Err(ClientError::Refused(state)) => state,
        Err(error) => return Err(error),
    };
    let state: serde_json::Value = serde_json::from_str(&state).unwrap_or_default();
    Ok(state["file"].as_str().map(PathBuf::from))
}

fn command(
    socket: &Path,
    method: &str,
    path: &str,
    json: Option<Vec<u8>>,
    limit: Duration,
) -> Result<String, ClientError> {
    command_within(socket, method, path, json, limit, MAX_REPLY)
}

/// The same with a reply of at most so many bytes.
fn command_within(
    socket: &Path,
    method: &str,
    path: &str,
    json: Option<Vec<u8>>,
    limit: Duration,
    most: usize,
) -> Result<String, ClientError> {
    let answer = ask(socket, method, path, json, limit, most).map_err(|trouble| {
        let text = format!(
            "no running process answers on {}: {trouble}",
            socket.display()
        );
        match trouble.is_absence {
            true => ClientError::Gone(text),
            false => ClientError::Unreachable(text),
        }
    })?;
    let text = String::from_utf8_lossy(&answer.body).trim_end().to_owned();
    match answer.status {
        200..=299 => Ok(text),
        _ => Err(ClientError::Refused(text)),
    }
}

fn ask(
    socket: &Path,
    method: &str,
    path: &str,
    json: Option<Vec<u8>>,
    limit: Duration,
    most: usize,
) -> Result<Answer, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let endpoint = Endpoint::Unix(socket.to_owned());
    let ask = Ask {
        endpoint: &endpoint,
        method,
        path,
        host: None,
        json,
        body: most,
    };
    runtime.block_on(async {
        match tokio::time::timeout(limit, exchange(&ask)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let limit = limit.as_secs();
                Err(Trouble::theirs(format!("no answer within {limit} s")))
            }
        }
    })
}
