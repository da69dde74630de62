//! `/health`, `/health/live` and `/health/ready`.

use crate::scene::{Scene, Shared};
use axum::{Json, extract::State, http::StatusCode};
use ringfence_balance::{Group, Server};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// That the process runs: always 200.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Whether clients should be sent here: 200, or 503 with the reason.
///
/// They should when all workers accept, none is draining, and one server at least can be used (or there is no
/// upstream at all).
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    match unready(&shared, &shared.scene()) {
        None => (StatusCode::OK, "ready\n"),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Everything at a glance, as JSON: 200 when ready, else 503.
pub(super) async fn summary(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Summary>) {
    let scene = shared.scene();
    let now = (shared.clock)();
    let workers = shared.host.workers();
    let is_ready = unready(&shared, &scene).is_none();
    let upstreams: Vec<_> = scene
        .roster
        .groups
        .iter()
        .map(|g| upstream(g, now))
        .collect();
    let status = match () {
        () if workers.draining => "draining",
        () if !workers.are_accepting() => "starting",
        () if !is_ready => "down",
        () if upstreams.iter().any(|upstream| upstream.status != "up") => "degraded",
        () => "up",
    };
    let summary = Summary {
        status,
        version: shared.version,
        file: shared.file.as_ref().map(|file| file.display().to_string()),
        uptime_seconds: now.as_secs(),
        workers: Workers {
            total: workers.total,
            accepting: workers.accepting,
        },
        upstreams,
    };
    let code = match is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(summary))
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// "up", "degraded" (an upstream is not whole), "down", "starting" or "draining".
    status: &'static str,
    version: &'static str,
    /// The configuration file, where there is one.
    file: Option<String>,
    uptime_seconds: u64,
    workers: Workers,
    upstreams: Vec<UpstreamHealth>,
}

#[derive(Debug, Serialize)]
struct Workers {
    total: usize,
    accepting: usize,
}

#[derive(Debug, Serialize)]
struct UpstreamHealth {
    name: String,
    /// "up", "degraded" (some of its servers can't be used) or "down" (none can).
    status: &'static str,
    servers: Vec<ServerHealth>,
}

#[derive(Debug, Serialize)]
struct ServerHealth {
    server: String,
    address: String,
    /// "up", "down", "ejected" or "draining".
    state: &'static str,
    weight: u32,
    backup: bool,
}

/// Why clients should go elsewhere; `None` = they need not.
fn unready(shared: &Shared, scene: &Scene) -> Option<&'static str> {
    let workers = shared.host.workers();
    if workers.draining {
        return Some("draining\n");
    }
    if !workers.are_accepting() {
        return Some("not all workers accept connections\n");
    }
    let now = (shared.clock)();
    let groups = &scene.roster.groups;
    let is_usable = |server: &Arc<Server>| server.is_available(now);
    if !groups.is_empty()
        && !groups
            .iter()
            .any(|group| group.servers.iter().any(is_usable))
    {
        return Some("no server of any upstream can be used\n");
    }
    None
}

fn upstream(group: &Group, now: Duration) -> UpstreamHealth {
    let usable = group
        .servers
        .iter()
        .filter(|server| server.is_available(now))
        .count();
    UpstreamHealth {
        name: group.name.clone(),
        status: match usable {
            0 => "down",
            some if some < group.servers.len() => "degraded",
            _ => "up",
        },
        servers: group
            .servers
            .iter()
            .map(|server| health(server, now))
            .collect(),
    }
}

fn health(server: &Server, now: Duration) -> ServerHealth {
    let state = match () {
        () if server.is_draining() => "draining",
        () if !server.is_up() => "down",
        () if server.ejected_until(now).is_some() => "ejected",
        () => "up",
    };
    ServerHealth {
        server: server.label.to_string(),
        address: server.endpoint.to_string(),
        state,
        weight: server.weight,
        backup: server.backup,
    }
}
