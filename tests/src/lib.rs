//! The harness that drives the real binary over real sockets.
//!
//! A test starts origins ([`Origin`]), starts the balancer over them ([`Ringfence`]), and then
//! holds a dialogue on the wire ([`Client`]): the client says bytes, the server answers, the test
//! says what it expected. Nothing here shares a parser with the product, so a bug in one cannot
//! hide a bug in the other.

pub mod client;
pub mod dns;
pub mod launch;
pub mod load;
pub mod metrics;
pub mod namespace;
pub mod oracle;
pub mod origin;
pub mod process;
pub mod response;
pub mod site;
pub mod tempdir;
pub mod tools;
pub mod wire;

pub use client::{Client, get};
pub use dns::Dns;
pub use launch::{Launch, command};
pub use load::{Load, Report};
pub use metrics::Metrics;
pub use origin::{Origin, Request, Visit, kit, misbehave};
pub use process::{Outcome, Ringfence};
pub use response::Response;
pub use site::{site, site_with, upstream_table};
pub use tempdir::TempDir;

use std::time::{Duration, Instant};

/// How long anything may take that should happen at once. Generous, because two suites may share
/// two cores; a test that needs a tighter bound states its own.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `condition` holds, and panics with `what` when it does not within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(
        happens_within(PATIENCE, condition),
        "never happened: {what}"
    );
}

/// Polls `condition` until it holds or `limit` has passed; says whether it held.
pub fn happens_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
