//! The scrape: all blocks summed over the workers, in Prometheus's text exposition format 0.0.4.

mod extra;
mod text;

pub use extra::{Extra, Process, ServerState};

use crate::{
    histogram::Snapshot,
    registry::{Registry, Tables},
    stats::{Classes, ControlStats, WorkerStats},
};
use ringfence_http::Reason;
use std::time::Duration;
use text::{Kind, Text};

/// Upper bounds of the request histogram's buckets. Each is the exact edge of a bucket of ours.
const REQUEST_BOUNDS: [Duration; 18] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// Fewer for each server, as there may be thousands of them.
const SERVER_BOUNDS: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

impl Registry {
    /// Appends everything known to `out`, with what only the control plane can see in `extra`.
    pub fn render(&self, out: &mut String, extra: &Extra<'_>) {
        let text = &mut Text::new(out);
        let tables = self.tables();
        routes(text, &tables);
        clients(text, &tables);
        upstreams(text, &tables);
        servers(text, &tables);
        workers(text, &tables, extra);
        // The numbers below need no table, and a worker may be waiting for one.
        drop(tables);
        extra::server_states(text, &extra.servers);
        control(text, &self.control());
        extra::process(text, extra);
    }
}

fn routes(text: &mut Text<'_>, tables: &Tables) {
    text.head(
        "ringfence_http_requests_total",
        Kind::Counter,
        "Responses sent, by route and status class.",
    );
    for (route, blocks) in tables.routes.iter() {
        let sums = sum_classes(blocks.map(|block| &block.responses));
        for (class, sum) in Classes::NAMES.into_iter().zip(sums) {
            text.sample(&[("route", route), ("code_class", class)], sum);
        }
    }
    text.head(
        "http_request_duration_seconds",
        Kind::Histogram,
        "From the end of the request's head to the end of the response, by route.",
    );
    for (route, blocks) in tables.routes.iter() {
        let mut total = Snapshot::default();
        blocks.for_each(|block| block.duration.add_to(&mut total));
        text.histogram(&[("route", route)], &total, &REQUEST_BOUNDS);
    }
}

/// A sum over all workers: its name, kind, meaning, and where to find it in a worker's block.
type Sum = (&'static str, Kind, &'static str, fn(&WorkerStats) -> u64);

const CLIENTS: [Sum; 9] = [
    (
        "ringfence_connections_accepted_total",
        Kind::Counter,
        "Client connections accepted.",
        |w| w.connections_accepted.get(),
    ),
    (
        "ringfence_connections_active",
        Kind::Gauge,
        "Client connections open now.",
        |w| w.connections_active.get(),
    ),
    (
        "ringfence_connections_shed_total",
        Kind::Counter,
        "Client connections closed unserved because a limit was reached.",
        |w| w.connections_shed.get(),
    ),
    (
        "ringfence_requests_total",
        Kind::Counter,
        "Requests whose head was read whole.",
        |w| w.requests.get(),
    ),
    (
        "ringfence_requests_in_flight",
        Kind::Gauge,
        "Requests being served now.",
        |w| w.requests_in_flight.get(),
    ),
    (
        "ringfence_received_bytes_total",
        Kind::Counter,
        "Bytes received from clients.",
        |w| w.bytes_in.get(),
    ),
    (
        "ringfence_sent_bytes_total",
        Kind::Counter,
        "Bytes sent to clients.",
        |w| w.bytes_out.get(),
    ),
    (
        "ringfence_panics_total",
        Kind::Counter,
        "Requests ended by a defect of ours.",
        |w| w.panics.get(),
    ),
    (
        "ringfence_access_log_dropped_total",
        Kind::Counter,
        "Access-log records dropped because a worker's queue was full.",
        |w| w.log_dropped.get(),
    ),
];

fn clients(text: &mut Text<'_>, tables: &Tables) {
    sums(text, tables, &CLIENTS);
    text.head(
        "ringfence_refusals_total",
        Kind::Counter,
        "Requests refused or given up, by reason.",
    );
    for &reason in Reason::ALL {
        let sum = tables.workers.values().map(|w| w.refusals(reason)).sum();
        text.sample(&[("reason", reason.word())], sum);
    }
}

const UPSTREAMS: [Sum; 6] = [
    (
        "ringfence_upstream_connects_total",
        Kind::Counter,
        "Connections opened to servers.",
        |w| w.upstream_connects.get(),
    ),
    (
        "ringfence_upstream_connect_failures_total",
        Kind::Counter,
        "Attempts to connect to a server that failed.",
        |w| w.upstream_connect_failures.get(),
    ),
    (
        "ringfence_pool_misses_total",
        Kind::Counter,
        "Requests that found no idle connection to their server.",
        |w| w.pool_misses.get(),
    ),
    (
        "ringfence_pool_idle",
        Kind::Gauge,
        "Idle connections to servers in the workers' own pools.",
        |w| w.pool_idle.get(),
    ),
    (
        "ringfence_retries_total",
        Kind::Counter,
        "Requests sent again to a server.",
        |w| w.retries.get(),
    ),
    (
        "ringfence_retries_denied_total",
        Kind::Counter,
        "Retries that the retry budget did not allow.",
        |w| w.retries_denied.get(),
    ),
];

fn upstreams(text: &mut Text<'_>, tables: &Tables) {
    sums(text, tables, &UPSTREAMS);
    text.head(
        "ringfence_pool_hits_total",
        Kind::Counter,
        "Requests sent on an idle connection, from the worker's own pool or from the queue between workers.",
    );
    let sum = |of: fn(&WorkerStats) -> u64| tables.workers.values().map(|w| of(w)).sum();
    text.sample(&[("from", "local")], sum(|w| w.pool_hits.get()));
    text.sample(&[("from", "spill")], sum(|w| w.pool_spill_hits.get()));
}

fn sums(text: &mut Text<'_>, tables: &Tables, list: &[Sum]) {
    for (name, kind, help, of) in list {
        text.head(name, *kind, help);
        text.sample(&[], tables.workers.values().map(|w| of(w)).sum());
    }
}

fn servers(text: &mut Text<'_>, tables: &Tables) {
    text.head(
        "ringfence_server_responses_total",
        Kind::Counter,
        "Responses received from a server, by status class.",
    );
    for (name, blocks) in tables.servers.iter() {
        let [upstream, server] = name.labels();
        let sums = sum_classes(blocks.map(|block| &block.responses));
        for (class, sum) in Classes::NAMES.into_iter().zip(sums) {
            text.sample(&[upstream, server, ("code_class", class)], sum);
        }
    }
    text.head(
        "ringfence_server_failures_total",
        Kind::Counter,
        "Attempts at a server that ended without a whole response.",
    );
    for (name, blocks) in tables.servers.iter() {
        text.sample(&name.labels(), blocks.map(|b| b.failures.get()).sum());
    }
    text.head(
        "ringfence_server_requests_in_flight",
        Kind::Gauge,
        "Attempts under way at a server now.",
    );
    for (name, blocks) in tables.servers.iter() {
        text.sample(&name.labels(), blocks.map(|b| b.active.get()).sum());
    }
    text.head(
        "ringfence_server_response_seconds",
        Kind::Histogram,
        "From the start of an attempt to the head of the server's response.",
    );
    for (name, blocks) in tables.servers.iter() {
        let mut total = Snapshot::default();
        blocks.for_each(|block| block.latency.add_to(&mut total));
        text.histogram(&name.labels(), &total, &SERVER_BOUNDS);
    }
}

/// What is told of each worker by itself, so that an uneven load shows.
fn workers(text: &mut Text<'_>, tables: &Tables, extra: &Extra<'_>) {
    let named = |text: &mut Text<'_>, of: &dyn Fn(&WorkerStats) -> Option<f64>| {
        for (ix, worker) in &tables.workers {
            if let Some(value) = of(worker) {
                text.real(&[("worker", &ix.to_string())], value);
            }
        }
    };
    text.head(
        "ringfence_worker_info",
        Kind::Gauge,
        "Always 1: the I/O driver that a worker got and the CPU that it is pinned to.",
    );
    for (ix, worker) in &tables.workers {
        let Some(about) = worker.about() else {
            continue;
        };
        let cpu = about.cpu.map_or_else(String::new, |cpu| cpu.to_string());
        let ix = ix.to_string();
        text.sample(
            &[("worker", &ix), ("driver", about.driver), ("cpu", &cpu)],
            1,
        );
    }
    text.head(
        "ringfence_worker_requests_total",
        Kind::Counter,
        "Requests, by worker.",
    );
    named(text, &|worker| Some(worker.requests.get() as f64));
    text.head(
        "ringfence_worker_connections_active",
        Kind::Gauge,
        "Client connections open now, by worker.",
    );
    named(text, &|worker| Some(worker.connections_active.get() as f64));
    text.head(
        "ringfence_worker_cpu_seconds_total",
        Kind::Counter,
        "CPU time of a worker's thread.",
    );
    named(text, &|worker| {
        let used = (extra.thread_cpu)(worker.about()?.thread)?;
        Some(used.as_secs_f64())
    });
}

fn control(text: &mut Text<'_>, stats: &ControlStats) {
    let plain = [
        (
            "ringfence_check_transitions_total",
            "Changes of a server between up and down by its active checks.",
            &stats.check_transitions,
        ),
        (
            "ringfence_access_log_written_total",
            "Access-log lines written.",
            &stats.log_written,
        ),
        (
            "ringfence_access_log_write_errors_total",
            "Writes to the access log that failed and are tried again.",
            &stats.log_write_errors,
        ),
        (
            "ringfence_access_log_lost_total",
            "Access-log lines given up because the log could not be written.",
            &stats.log_lost,
        ),
    ];
    for (name, help, counter) in plain {
        text.head(name, Kind::Counter, help);
        text.sample(&[], counter.get());
    }
    let by_result = [
        (
            "ringfence_checks_total",
            "Active checks of servers, by result.",
            [&stats.checks_passed, &stats.checks_failed],
        ),
        (
            "ringfence_resolutions_total",
            "Look-ups of server names, by result.",
            [&stats.resolutions, &stats.resolution_failures],
        ),
        (
            "ringfence_reloads_total",
            "Reloads of the configuration, by result.",
            [&stats.reloads, &stats.reload_failures],
        ),
    ];
    for (name, help, [passed, failed]) in by_result {
        text.head(name, Kind::Counter, help);
        text.sample(&[("result", "passed")], passed.get());
        text.sample(&[("result", "failed")], failed.get());
    }
}

fn sum_classes<'a>(blocks: impl Iterator<Item = &'a Classes>) -> [u64; Classes::NAMES.len()] {
    blocks.fold([0; Classes::NAMES.len()], |mut total, classes| {
        for (sum, count) in total.iter_mut().zip(classes.get()) {
            *sum += count;
        }
        total
    })
}

#[cfg(test)]
mod tests;
