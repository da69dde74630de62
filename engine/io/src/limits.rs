//! The process's limit on open descriptors.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors the process may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NofileLimit {
    /// The limit before it was raised.
    pub before: u64,
    /// The limit in force.
    pub now: u64,
}

/// Where no limit is set at all, this many are as good as any number.
const UNLIMITED: u64 = u64::MAX;

/// Raises the soft limit on open descriptors (RLIMIT_NOFILE) to the hard limit, which any
/// process may, and says what came of it.
///
/// # Errors
/// When the kernel refuses; the old limit then stands.
pub fn raise_nofile_limit() -> io::Result<NofileLimit> {
    let old = getrlimit(Resource::Nofile);
    let before = old.current.unwrap_or(UNLIMITED);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: old.maximum,
            maximum: old.maximum,
        },
    )?;
    let now = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
    Ok(NofileLimit { before, now })
}
