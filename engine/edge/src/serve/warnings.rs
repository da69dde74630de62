//! What the user should know at the start, though it keeps nothing from starting.

use ringfence_control::Scene;
use ringfence_io::NofileLimit;

use crate::serve::event::Arrival;

/// One sentence for each thing. Servers that do not answer are the checks' to tell.
pub(crate) fn collect(
    scene: &Scene,
    workers: &[Arrival],
    most_clients: u32,
    nofile: &Result<NofileLimit, String>,
) -> Vec<String> {
    let empty = scene
        .roster
        .groups
        .iter()
        .filter(|group| group.servers.is_empty());
    empty
        .map(|group| {
            format!(
                "upstream {} has no server yet: its names do not resolve",
                group.name
            )
        })
        .chain(crowding(workers))
        .chain(descriptors(
            scene.plan.workers.max_connections,
            most_clients,
            nofile,
        ))
        .collect()
}

fn crowding(workers: &[Arrival]) -> Option<String> {
    let mut cpus: Vec<usize> = workers.iter().filter_map(|worker| worker.cpu).collect();
    let pinned = cpus.len();
    cpus.sort_unstable();
    cpus.dedup();
    let used = cpus.len();
    (used < pinned).then(|| format!("{pinned} pinned workers share {used} CPUs"))
}

fn descriptors(
    max_connections: u32,
    most_clients: u32,
    nofile: &Result<NofileLimit, String>,
) -> Option<String> {
    let allowed = nofile.as_ref().ok()?.now;
    (most_clients < max_connections).then(|| {
        format!(
            "{allowed} open files are enough for {most_clients} client connections, not for {max_connections}: \
             more are shed (raise the hard limit, or lower --max-connections)"
        )
    })
}
