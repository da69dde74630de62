//! The scrape: all blocks summed over the workers, in Prometheus's text exposition format 0.0.4.

mod cache;
mod control;
mod extra;
mod text;
mod workers;

pub use extra::{Extra, Process, ServerState};

use crate::{
    histogram::Snapshot,
    registry::{Registry, Tables},
    stats::Classes,
};
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
        workers::clients(text, &tables);
        workers::upstreams(text, &tables);
        cache::cache(text, &tables);
        servers(text, &tables);
        workers::workers(text, &tables, extra);
        // The numbers below need no table, and a worker may be waiting for one.
        drop(tables);
        extra::server_states(text, &extra.servers);
        control::control(text, &self.control());
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
        "From the request's first byte to the end of the response, by route.",
    );
    for (route, blocks) in tables.routes.iter() {
        let mut total = Snapshot::default();
        blocks.for_each(|block| block.duration.add_to(&mut total));
        text.histogram(&[("route", route)], &total, &REQUEST_BOUNDS);
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
        "Attempts at a server that failed: no connection, no whole response, or 502, 503 or 504.",
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
        "From the connection to a server being there to the head of its response.",
    );
    for (name, blocks) in tables.servers.iter() {
        let mut total = Snapshot::default();
        blocks.for_each(|block| block.latency.add_to(&mut total));
        text.histogram(&name.labels(), &total, &SERVER_BOUNDS);
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
