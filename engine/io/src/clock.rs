//! One origin of time for the whole process.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time since the process first asked for it; the same origin on every thread.
pub fn now() -> Duration {
    origin().elapsed()
}

/// Wall-clock time since 1970-01-01 00:00 UTC; zero where the clock is set before that.
pub fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_one_origin() {
        let before = now();
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(before <= elsewhere && elsewhere <= now());
    }
}
