//! What the measuring thread and the load threads share: a clock, a window, a stop sign and a count.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// A time that has not come.
const NEVER: u64 = u64::MAX;

/// Shared by the threads of one load. Times are nanoseconds since its making.
#[derive(Debug)]
pub struct Control {
    origin: Instant,
    opened: AtomicU64,
    closed: AtomicU64,
    stop: AtomicBool,
    done: AtomicU64,
}

impl Control {
    /// A window that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            opened: AtomicU64::new(NEVER),
            closed: AtomicU64::new(NEVER),
            stop: AtomicBool::new(false),
            done: AtomicU64::new(0),
        }
    }

    /// Nanoseconds since the making.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(NEVER)
    }

    /// From now on latencies count.
    pub fn open_window(&self) {
        self.opened.store(self.now(), Ordering::Relaxed);
    }

    /// From now on latencies no longer count, and nothing new is sent.
    pub fn close_window(&self) {
        self.closed.store(self.now(), Ordering::Relaxed);
        self.stop.store(true, Ordering::Release);
    }

    /// Whether what belongs to time `at` counts.
    #[must_use]
    pub fn counts(&self, at: u64) -> bool {
        at >= self.opened.load(Ordering::Relaxed) && at < self.closed.load(Ordering::Relaxed)
    }

    /// When the window was closed; the far future while it was not.
    #[must_use]
    pub fn closed_at(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether nothing new may be sent.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Counts a right answer, in the window or not.
    pub fn count_answer(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Right answers so far.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_window_counts() {
        let control = Control::new();
        assert!(!control.counts(control.now()));
        control.open_window();
        assert!(control.counts(control.now()));
        let inside = control.now();
        control.close_window();
        assert!(control.counts(inside) || inside == control.closed_at());
        assert!(!control.counts(control.now() + 1));
        assert!(control.is_stopping());
    }
}
