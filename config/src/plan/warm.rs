//! What is asked for before a client asks.

use std::path::PathBuf;
use std::time::Duration;

/// URLs that are asked for so that they are stored before a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warm {
    /// The URLs themselves, with scheme and host.
    pub urls: Vec<String>,
    /// A file of URLs, one a line.
    pub list: Option<PathBuf>,
    /// A sitemap: the path of a file, or a URL over plain HTTP.
    pub sitemap: Option<String>,
    /// Whether they are asked for at the start, and when a reload brings them.
    pub at_start: bool,
    /// How long after the last time they are asked for again, give or take a tenth; `None` = never.
    pub every: Option<Duration>,
    /// How many are asked for at once; at least 1.
    pub concurrency: usize,
}
