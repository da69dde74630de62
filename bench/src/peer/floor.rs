//! The floor: this program again, as one of its two relays.

use std::env;
use std::ffi::OsString;

use crate::peer::installed::Installed;
use crate::peer::site::Site;
use crate::scenario::{Asked, Exchange, Scenario};

/// Bytes of a receive buffer for long messages: the fewest steps …
const LARGE_BUFFER: usize = 256 * 1024;
/// … and for short ones: the least memory to touch.
const SMALL_BUFFER: usize = 4 * 1024;

/// Says whether the kernel lets the relays run.
///
/// # Errors
/// Why not.
pub fn find() -> Result<Installed, String> {
    ringfence_floor::probe()
        .map_err(|why| format!("the floor needs io_uring of Linux 6.7 or later: {why}"))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    Ok(Installed {
        program,
        version: concat!("ringfence-floor ", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

/// The arguments of the relay that asks a server.
#[must_use]
pub fn relay_arguments(site: &Site<'_>) -> Vec<OsString> {
    let mut arguments = arguments("relay", site);
    for server in site.servers {
        arguments.extend(["--to".into(), server.to_string().into()]);
    }
    arguments
}

/// The arguments of the relay that answers from memory.
#[must_use]
pub fn memory_arguments(site: &Site<'_>) -> Vec<OsString> {
    let mut arguments = arguments("memory", site);
    let size = match site.scenario.exchange {
        Exchange::Get(size) => size,
        Exchange::GetMixed | Exchange::Upload(_) => 128,
    };
    arguments.extend(["--body".into(), size.to_string().into()]);
    arguments
}

/// Why the relay that asks a server takes no part in a scenario.
#[must_use]
pub fn relay_cannot(scenario: &Scenario) -> Option<&'static str> {
    scenario.cache.map(|_| "it has no cache")
}

/// Why the other takes no part.
#[must_use]
pub fn memory_cannot(scenario: &Scenario) -> Option<&'static str> {
    match scenario.cache?.asked {
        Asked::One => None,
        Asked::Drawn { .. } | Asked::Waves => Some("it holds one answer"),
    }
}

/// What both take.
fn arguments(relay: &str, site: &Site<'_>) -> Vec<OsString> {
    let bulk = site.scenario.is_bulk();
    let buffer = if bulk { LARGE_BUFFER } else { SMALL_BUFFER };
    let mut arguments: Vec<OsString> = vec!["floor".into(), relay.into()];
    for (flag, value) in [
        ("--listen", site.listen.to_string()),
        ("--workers", site.workers.to_string()),
        ("--cpus", site.cpus.to_string()),
        ("--buffer", buffer.to_string()),
    ] {
        arguments.extend([flag.into(), value.into()]);
    }
    if bulk {
        arguments.push("--long".into());
    }
    if site.scenario.reconnect {
        arguments.push("--close".into());
    }
    arguments
}
