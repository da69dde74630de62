//! `/metrics`: the registry, the servers' health and the process, in Prometheus's text form.

use crate::{
    process::{process, thread_cpu},
    scene::{Scene, Shared},
};
use axum::{extract::State, http::header, response::IntoResponse};
use ringfence_telemetry::{Extra, ServerState};
use std::{sync::Arc, time::Duration};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let scene = shared.scene();
    let now = (shared.clock)();
    let mut text = String::with_capacity(64 * 1024);
    let extra = Extra {
        version: shared.version,
        uptime: now,
        started: shared.started,
        thread_cpu: &thread_cpu,
        process: process(),
        servers: server_states(&scene, now),
    };
    shared.registry.render(&mut text, &extra);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

fn server_states(scene: &Scene, now: Duration) -> Vec<ServerState<'_>> {
    let groups = scene.roster.groups.iter();
    let servers = groups.flat_map(|group| group.servers.iter().map(move |server| (group, server)));
    servers
        .map(|(group, server)| ServerState {
            upstream: &group.name,
            server: &server.label,
            up: server.is_up(),
            ejected: server.ejected_until(now).is_some(),
            draining: server.is_draining(),
            ejections: server.transitions().ejected,
        })
        .collect()
}
