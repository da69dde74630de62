//! The workers' own numbers: summed, and each alone.

use super::{
    extra::Extra,
    text::{Kind, Text},
};
use crate::{registry::Tables, stats::WorkerStats};
use ringfence_http::Reason;

/// A sum over all workers: its name, kind, meaning, and where to find it in a worker's block.
type Sum = (&'static str, Kind, &'static str, fn(&WorkerStats) -> u64);

const CLIENTS: [Sum; 14] = [
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
        "Body bytes received from clients.",
        |w| w.bytes_in.get(),
    ),
    (
        "ringfence_sent_bytes_total",
        Kind::Counter,
        "Body bytes sent to clients.",
        |w| w.bytes_out.get(),
    ),
    (
        "ringfence_compression_in_bytes_total",
        Kind::Counter,
        "Body bytes that were compressed, before that.",
        |w| w.coded_in.get(),
    ),
    (
        "ringfence_compression_out_bytes_total",
        Kind::Counter,
        "Body bytes that they were compressed to.",
        |w| w.coded_out.get(),
    ),
    (
        "ringfence_compression_short_total",
        Kind::Counter,
        "Responses for which there was no memory to compress them as the client likes best.",
        |w| w.coded_short.get(),
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
    (
        "ringfence_ring_overflows_total",
        Kind::Counter,
        "Times that completions outran a worker's ring; none are lost.",
        |w| w.ring_overflows.get(),
    ),
    (
        "ringfence_receive_buffers_short_total",
        Kind::Counter,
        "Times that a worker's shared receive buffers had all been used; the connection then reads for itself.",
        |w| w.buffers_short.get(),
    ),
];

pub(super) fn clients(text: &mut Text<'_>, tables: &Tables) {
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

const UPSTREAMS: [Sum; 7] = [
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
        "Requests sent again to another server.",
        |w| w.retries.get(),
    ),
    (
        "ringfence_redials_total",
        Kind::Counter,
        "Requests sent again to the same server, which had closed the idle connection that was taken.",
        |w| w.redials.get(),
    ),
    (
        "ringfence_retries_denied_total",
        Kind::Counter,
        "Retries that the retry budget did not allow.",
        |w| w.retries_denied.get(),
    ),
];

pub(super) fn upstreams(text: &mut Text<'_>, tables: &Tables) {
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

/// What is told of each worker by itself, so that an uneven load shows.
pub(super) fn workers(text: &mut Text<'_>, tables: &Tables, extra: &Extra<'_>) {
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
        "Always 1: the I/O driver that a worker got, why not a better one, and the CPU that it is pinned to.",
    );
    for (ix, worker) in &tables.workers {
        let Some(about) = worker.about() else {
            continue;
        };
        let cpu = about.cpu.map_or_else(String::new, |cpu| cpu.to_string());
        let ix = ix.to_string();
        let lack = about.lack.as_deref().unwrap_or_default();
        text.sample(
            &[
                ("worker", &ix),
                ("driver", about.driver),
                ("lack", lack),
                ("cpu", &cpu),
            ],
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
