//! The process's limit on open descriptors.

use std::cell::Cell;
use std::io;
use std::time::Duration;

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

/// How long a limit that was looked at is taken to stand.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The limit in force, as one who asks for every connection can afford to know it: as it was at
/// most a second ago.
#[derive(Default)]
pub(crate) struct WatchedLimit {
    /// When it was looked at, and what it was.
    seen: Cell<Option<(Duration, u64)>>,
}

impl WatchedLimit {
    /// The limit, to one for whom it is `now`.
    pub(crate) fn get(&self, now: Duration) -> u64 {
        if let Some((at, limit)) = self.seen.get()
            && now.saturating_sub(at) < LOOK_AGAIN
        {
            return limit;
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
        self.seen.set(Some((now, limit)));
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_limit_is_seen_within_a_second() {
        let old = getrlimit(Resource::Nofile);
        let current = old.current.expect("there is a limit");
        let watched = WatchedLimit::default();
        let began = Duration::from_secs(7);
        assert_eq!(watched.get(began), current);
        // By so little that no other test runs into it.
        let less = Rlimit {
            current: Some(current - 1),
            ..old
        };
        setrlimit(Resource::Nofile, less).unwrap();
        assert_eq!(watched.get(began + LOOK_AGAIN / 2), current);
        assert_eq!(watched.get(began + LOOK_AGAIN), current - 1);
        setrlimit(Resource::Nofile, old).unwrap();
    }
}
