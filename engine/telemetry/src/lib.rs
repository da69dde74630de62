//! Single-writer counters, histograms, access-log records and explanations of requests, with their text forms.
//!
//! A worker writes its own blocks with plain loads and stores; a scrape sums the blocks of all workers. Nothing here
//! reads a clock, opens a file or starts a thread.

mod counter;
pub mod explain;
mod fetched;
mod histogram;
mod log;
mod registry;
mod scrape;
mod stats;

pub use counter::{Counter, Gauge};
pub use fetched::{Effect, Fetched, Target, Targets};
pub use histogram::{Histogram, Snapshot};
pub use log::{LogQueue, Part, Record, Stations, format_combined, format_json, format_syslog_head};
pub use registry::{Registry, RouteCache};
pub use scrape::{Extra, Process, ServerState};
pub use stats::{
    About, CacheCounts, CacheHoldings, CacheOutcomes, Classes, ControlStats, RouteStats,
    ServerStats, WorkerStats,
};
