//! A cap on something, such as the exchanges in flight on one server, counted over all workers.

use crate::sync::{AtomicU32, Ordering};

/// A counting semaphore without waiting.
#[derive(Debug)]
pub struct Limit(AtomicU32);

impl Default for Limit {
    fn default() -> Self {
        Self::new()
    }
}

impl Limit {
    /// One of which nothing is taken.
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Places taken now.
    pub fn active(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes a place if fewer than `max` are taken.
    pub fn try_acquire(&self, max: u32) -> bool {
        let mut active = self.active();
        while active < max {
            match self.0.compare_exchange_weak(
                active,
                active + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(seen) => active = seen,
            }
        }
        false
    }

    /// Gives a place back.
    ///
    /// # Panics
    /// If none was taken.
    pub fn release(&self) {
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        assert!(before > 0, "a place was released that was never taken");
    }
}
