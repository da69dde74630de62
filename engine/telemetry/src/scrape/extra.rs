//! What the control plane adds to a scrape: the servers' health, and the process as the kernel sees it.

use super::text::{Kind, Text};
use std::time::Duration;

/// What a scrape shows beside the blocks; whoever renders has looked it up just before.
pub struct Extra<'a> {
    /// The version of this build.
    pub version: &'a str,
    /// How long the process has been running.
    pub uptime: Duration,
    /// When the process started, since 1970-01-01 UTC.
    pub started: Duration,
    /// The CPU time of a thread by the kernel's id; none if it can't be read.
    pub thread_cpu: &'a dyn Fn(u32) -> Option<Duration>,
    /// What the kernel says of the process.
    pub process: Process,
    /// The servers of the plan in force.
    pub servers: Vec<ServerState<'a>>,
}

/// The process as the kernel sees it; what can't be read is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// CPU time of all threads, in user and kernel mode.
    pub cpu: Option<Duration>,
    /// Memory in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// Address space, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Descriptors open.
    pub open_fds: Option<u64>,
    /// Descriptors allowed.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

/// A server's health.
#[derive(Clone, Copy, Debug)]
pub struct ServerState<'a> {
    /// The upstream's name.
    pub upstream: &'a str,
    /// The server's label.
    pub server: &'a str,
    /// Whether its active checks hold it for up.
    pub up: bool,
    /// Whether it is ejected for its failures now.
    pub ejected: bool,
    /// Whether it takes no new requests because it is being drained.
    pub draining: bool,
    /// How often it was ejected.
    pub ejections: u64,
}

/// A view of one server that gives a metric.
type Of = fn(&ServerState<'_>) -> u64;

pub(super) fn server_states(text: &mut Text<'_>, servers: &[ServerState<'_>]) {
    let metrics: [(&str, Kind, &str, Of); 4] = [
        (
            "ringfence_server_up",
            Kind::Gauge,
            "1 if a server's active checks hold it for up.",
            |s| s.up.into(),
        ),
        (
            "ringfence_server_ejected",
            Kind::Gauge,
            "1 while a server is ejected for its failures.",
            |s| s.ejected.into(),
        ),
        (
            "ringfence_server_draining",
            Kind::Gauge,
            "1 while a server is being drained.",
            |s| s.draining.into(),
        ),
        (
            "ringfence_server_ejections_total",
            Kind::Counter,
            "How often a server was ejected for its failures.",
            |s| s.ejections,
        ),
    ];
    for (name, kind, help, of) in metrics {
        text.head(name, kind, help);
        for server in servers {
            let labels = [("upstream", server.upstream), ("server", server.server)];
            text.sample(&labels, of(server));
        }
    }
}

pub(super) fn process(text: &mut Text<'_>, extra: &Extra<'_>) {
    build(text, extra.version);
    let seconds = |duration: Duration| duration.as_secs_f64();
    let number = |count: u64| count as f64;
    let process = &extra.process;
    let metrics = [
        (
            "ringfence_uptime_seconds",
            Kind::Gauge,
            "How long the process has been running.",
            Some(seconds(extra.uptime)),
        ),
        (
            "ringfence_process_start_time_seconds",
            Kind::Gauge,
            "When the process started, since 1970-01-01 UTC.",
            Some(seconds(extra.started)),
        ),
        (
            "ringfence_process_cpu_seconds_total",
            Kind::Counter,
            "CPU time of all threads, in user and kernel mode.",
            process.cpu.map(seconds),
        ),
        (
            "ringfence_process_resident_memory_bytes",
            Kind::Gauge,
            "Memory in RAM.",
            process.resident_bytes.map(number),
        ),
        (
            "ringfence_process_virtual_memory_bytes",
            Kind::Gauge,
            "Address space.",
            process.virtual_bytes.map(number),
        ),
        (
            "ringfence_process_open_fds",
            Kind::Gauge,
            "Descriptors open.",
            process.open_fds.map(number),
        ),
        (
            "ringfence_process_max_fds",
            Kind::Gauge,
            "Descriptors allowed.",
            process.max_fds.map(number),
        ),
        (
            "ringfence_process_threads",
            Kind::Gauge,
            "Threads.",
            process.threads.map(number),
        ),
    ];
    for (name, kind, help, value) in metrics {
        if let Some(value) = value {
            text.head(name, kind, help);
            text.real(&[], value);
        }
    }
}

fn build(text: &mut Text<'_>, version: &str) {
    text.head(
        "ringfence_build_info",
        Kind::Gauge,
        "Always 1: the version of this build.",
    );
    text.sample(&[("version", version)], 1);
}
