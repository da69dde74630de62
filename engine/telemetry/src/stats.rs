//! The blocks of numbers that a worker writes and a scrape reads.

use crate::{
    counter::{Counter, Gauge},
    histogram::Histogram,
};
use ringfence_http::Reason;
use std::{sync::OnceLock, time::Duration};

/// One worker's own numbers. Only that worker writes them.
///
/// Aligned to two cache lines, so that no worker's writes disturb a neighbour's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    /// Client connections taken from the listeners, those shed at once included.
    pub connections_accepted: Counter,
    /// Client connections open now.
    pub connections_active: Gauge,
    /// Client connections closed unserved because a limit was reached (descriptors, memory, `max_connections`).
    pub connections_shed: Counter,
    /// Times that completions outran the worker's ring.
    pub ring_overflows: Counter,
    /// Times that the kernel found no shared buffer to receive into.
    pub buffers_short: Counter,
    /// Requests whose head was read whole.
    pub requests: Counter,
    /// Requests between the end of their head and the end of their response.
    pub requests_in_flight: Gauge,
    /// Body bytes received from clients.
    pub bytes_in: Counter,
    /// Body bytes sent to clients.
    pub bytes_out: Counter,
    /// Connections opened to servers.
    pub upstream_connects: Counter,
    /// Attempts to connect to a server that failed or timed out.
    pub upstream_connect_failures: Counter,
    /// Requests sent on an idle connection of this worker's own pool.
    pub pool_hits: Counter,
    /// Requests sent on an idle connection taken from the spill queue between workers.
    pub pool_spill_hits: Counter,
    /// Requests that found no idle connection.
    pub pool_misses: Counter,
    /// Idle connections to servers in this worker's own pool now.
    pub pool_idle: Gauge,
    /// Requests sent again to another server, each time counted.
    pub retries: Counter,
    /// Requests sent again to the same server, which had closed the idle connection that was taken.
    pub redials: Counter,
    /// Retries that were allowed by everything but the retry budget.
    pub retries_denied: Counter,
    /// Requests ended by a panic of ours.
    pub panics: Counter,
    /// Access-log records dropped because the queue was full.
    pub log_dropped: Counter,
    /// Requests on routes with a cache, by what it had to do with them.
    pub cache: CacheOutcomes,
    /// What its cache holds, and its tables.
    pub cached: CacheHoldings,
    /// Bytes of responses that were compressed, before that.
    pub coded_in: Counter,
    /// Bytes that they were compressed to.
    pub coded_out: Counter,
    /// Responses on their way for whose encoder there was no room, and that went out in another coding or as they are.
    pub coded_short: Counter,
    refusals: Refusals,
    about: OnceLock<About>,
}

impl WorkerStats {
    /// Counts one "no" by its name. Only the owning worker may call this.
    #[inline]
    pub fn refused(&self, reason: Reason) {
        // Every reason has its place in `ALL` (held by a test), so the lookup can't fail.
        if let Some(counter) = self.refusals.0.get(reason as usize) {
            counter.inc();
        }
    }

    /// How often a reason was given.
    #[must_use]
    pub fn refusals(&self, reason: Reason) -> u64 {
        self.refusals.0.get(reason as usize).map_or(0, Counter::get)
    }

    /// Says what the worker runs on. The first call counts; later ones change nothing.
    pub fn describe(&self, about: About) {
        let _ = self.about.set(about);
    }

    /// What the worker runs on; none before it has said so.
    #[must_use]
    pub fn about(&self) -> Option<&About> {
        self.about.get()
    }
}

/// What a worker runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The kernel's id of its thread, by which its CPU time is read.
    pub thread: u32,
    /// The CPU that it is pinned to, if it is.
    pub cpu: Option<usize>,
    /// The I/O driver that it really got: "native", "monoio" or "epoll".
    pub driver: &'static str,
    /// Why it has no better one, where it might have had.
    pub lack: Option<String>,
}

/// One counter for each reason, in the order of `Reason::ALL`.
#[derive(Debug)]
struct Refusals(Box<[Counter]>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| Counter::new()).collect())
    }
}

/// Responses by the first digit of their status.
#[derive(Debug, Default)]
pub struct Classes([Counter; Classes::NAMES.len()]);

impl Classes {
    /// The classes' names, in order: "1xx" to "5xx".
    pub const NAMES: [&'static str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

    /// Counts one status; one outside 100 to 599 counts as 5xx. Only the owning worker may call this.
    #[inline]
    pub fn record(&self, status: u16) {
        let ix = match status {
            100..=599 => usize::from(status / 100) - 1,
            _ => Self::NAMES.len() - 1,
        };
        self.0[ix].inc();
    }

    /// The counts, in the order of [`Classes::NAMES`].
    #[must_use]
    pub fn get(&self) -> [u64; Self::NAMES.len()] {
        std::array::from_fn(|ix| self.0[ix].get())
    }

    fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            mine.add(theirs.get());
        }
    }
}

/// Counts of requests on routes with a cache, in the order of [`CacheOutcomes::NAMES`].
pub type CacheCounts = [u64; CacheOutcomes::NAMES.len()];

/// Requests on routes with a cache, by what it had to do with them; each counts once.
#[derive(Debug, Default)]
pub struct CacheOutcomes {
    /// Answered with what was stored and fresh.
    pub hits: Counter,
    /// Nothing was stored that could answer them.
    pub misses: Counter,
    /// Answered with what was stored and stale.
    pub stale: Counter,
    /// Answered with what was stored, after the server had said that it still holds.
    pub revalidated: Counter,
    /// What was stored was stale, and the server was asked for another.
    pub expired: Counter,
    /// The cache had no part in them.
    pub bypassed: Counter,
}

impl CacheOutcomes {
    /// The outcomes' names, in order.
    pub const NAMES: [&'static str; 6] =
        ["hit", "miss", "stale", "revalidated", "expired", "bypass"];

    /// The counts, in the order of [`CacheOutcomes::NAMES`].
    #[must_use]
    pub fn get(&self) -> CacheCounts {
        self.counters().map(Counter::get)
    }

    fn counters(&self) -> [&Counter; Self::NAMES.len()] {
        [
            &self.hits,
            &self.misses,
            &self.stale,
            &self.revalidated,
            &self.expired,
            &self.bypassed,
        ]
    }

    fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.counters().into_iter().zip(other.counters()) {
            mine.add(theirs.get());
        }
    }
}

/// What is stored in a worker's cache.
#[derive(Debug, Default)]
pub struct CacheHoldings {
    /// Stored responses now, as far as was last looked.
    pub entries: Gauge,
    /// Bytes that they take, likewise.
    pub bytes: Gauge,
    /// Stored responses that went to make room for others.
    pub evictions: Counter,
}

impl CacheHoldings {
    /// Entries, bytes and evictions.
    #[must_use]
    pub fn get(&self) -> [u64; 3] {
        [self.entries.get(), self.bytes.get(), self.evictions.get()]
    }
}

/// One worker's numbers about one route.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct RouteStats {
    /// Final responses by status class.
    pub responses: Classes,
    /// From the request's first byte to the end of the response.
    pub duration: Histogram,
    /// What the cache had to do with its requests; all zero where it has none.
    pub cache: CacheOutcomes,
    /// What is stored of its responses, without the tables that they are found by.
    pub cached: CacheHoldings,
}

impl RouteStats {
    /// Counts one finished exchange. Only the owning worker may call this.
    #[inline]
    pub fn record(&self, status: u16, duration: Duration) {
        self.responses.record(status);
        self.duration.record(duration);
    }

    pub(crate) fn absorb(&self, other: &Self) {
        self.responses.absorb(&other.responses);
        self.duration.absorb(&other.duration);
        self.cache.absorb(&other.cache);
        // What is stored of a route that is gone is told of elsewhere.
        self.cached.evictions.add(other.cached.evictions.get());
    }
}

/// One worker's numbers about one server of an upstream.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ServerStats {
    /// Final responses that the server gave, by status class.
    pub responses: Classes,
    /// Attempts that failed: connect failures, resets, time-outs, malformed or cut responses, and 502, 503 and 504.
    pub failures: Counter,
    /// From the connection being there to the response's head.
    pub latency: Histogram,
    /// Attempts under way now.
    pub active: Gauge,
}

impl ServerStats {
    /// Counts one answer. Only the owning worker may call this.
    #[inline]
    pub fn record(&self, status: u16, latency: Duration) {
        self.responses.record(status);
        self.latency.record(latency);
    }

    pub(crate) fn absorb(&self, other: &Self) {
        self.responses.absorb(&other.responses);
        self.failures.add(other.failures.get());
        self.latency.absorb(&other.latency);
    }
}

/// The control plane's own numbers. Each has one writer: the log's thread, the control thread, or the reload.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ControlStats {
    /// Active checks that passed.
    pub checks_passed: Counter,
    /// Active checks that failed.
    pub checks_failed: Counter,
    /// Times that a server went from up to down or back by its checks.
    pub check_transitions: Counter,
    /// Names resolved.
    pub resolutions: Counter,
    /// Names that could not be resolved; the old addresses stay in use.
    pub resolution_failures: Counter,
    /// Access-log lines written.
    pub log_written: Counter,
    /// Attempts to write the access log that failed; the lines are kept and tried again.
    pub log_write_errors: Counter,
    /// Access-log lines given up because the log could not be written for too long.
    pub log_lost: Counter,
    /// Reloads that took over. Written by whoever reloads, one at a time.
    pub reloads: Counter,
    /// Reloads that were refused; the old plan stays. Written as `reloads` is.
    pub reload_failures: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let stats = WorkerStats::default();
        for (ix, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason as usize, ix, "{}", reason.word());
            stats.refused(reason);
            assert_eq!(stats.refusals(reason), 1, "{}", reason.word());
        }
    }

    #[test]
    fn statuses_fall_in_their_class() {
        let classes = Classes::default();
        for status in [101, 200, 204, 304, 404, 499, 500, 0, 999] {
            classes.record(status);
        }
        assert_eq!(classes.get(), [1, 2, 1, 2, 3]);
    }

    #[test]
    fn the_first_description_counts() {
        let stats = WorkerStats::default();
        let about = About {
            thread: 7,
            cpu: Some(0),
            driver: "epoll",
            lack: None,
        };
        stats.describe(about.clone());
        stats.describe(About {
            thread: 8,
            ..about.clone()
        });
        assert_eq!(stats.about(), Some(&about));
    }
}
