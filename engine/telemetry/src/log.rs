//! The access log: what a worker notes about an exchange, the queue that takes it off the worker, and its text forms.

mod combined;
mod json;
mod line;
mod queue;
mod record;
mod syslog;
mod time;

pub use combined::format_combined;
pub use json::format_json;
pub use queue::LogQueue;
pub use record::{Part, Record, Stations};
pub use syslog::format_syslog_head;
