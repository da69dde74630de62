//! Failure rate over a sliding window, counted by many workers.

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

const SLICES: usize = 8;
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Requests and failures of the last window, in eight slices of one atomic word each: `epoch:24 total:20 failed:20`.
///
/// The oldest slice is dropped whole, so the window is between seven and eight slices long. A slice that has counted
/// a million requests counts no more: its rate is known well enough.
#[derive(Debug)]
pub(crate) struct Window([AtomicU64; SLICES]);

/// What happened in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    pub(crate) failed: u64,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Adds `total` requests of which `failed` failed, at `now`.
    pub(crate) fn add(&self, total: u64, failed: u64, length: Duration, now: Duration) {
        let epoch = epoch(length, now);
        let slice = &self.0[epoch as usize % SLICES];
        let mut old = slice.load(Ordering::Relaxed);
        loop {
            let mut sum = if old >> (2 * COUNT_BITS) == epoch {
                unpack(old)
            } else {
                Tally {
                    total: 0,
                    failed: 0,
                }
            };
            if sum.total + total > COUNT_MAX {
                return;
            }
            sum.total += total;
            sum.failed += failed.min(total);
            let new = epoch << (2 * COUNT_BITS) | sum.total << COUNT_BITS | sum.failed;
            match slice.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => old = seen,
            }
        }
    }

    /// The sum over the window that ends at `now`.
    pub(crate) fn tally(&self, length: Duration, now: Duration) -> Tally {
        let newest = epoch(length, now);
        let mut sum = Tally {
            total: 0,
            failed: 0,
        };
        for slice in &self.0 {
            let word = slice.load(Ordering::Relaxed);
            let age = newest.wrapping_sub(word >> (2 * COUNT_BITS)) & EPOCH_MASK;
            if age < SLICES as u64 {
                let part = unpack(word);
                sum.total += part.total;
                sum.failed += part.failed;
            }
        }
        sum
    }

    /// Forgets everything: after an ejection the server starts with a clean sheet.
    pub(crate) fn clear(&self) {
        for slice in &self.0 {
            slice.store(0, Ordering::Relaxed);
        }
    }
}

const EPOCH_MASK: u64 = (1 << (64 - 2 * COUNT_BITS)) - 1;

/// The number of the slice that `now` falls in.
fn epoch(length: Duration, now: Duration) -> u64 {
    let slice = (length.as_nanos() / SLICES as u128).max(1);
    (now.as_nanos() / slice) as u64 & EPOCH_MASK
}

fn unpack(word: u64) -> Tally {
    Tally {
        total: word >> COUNT_BITS & COUNT_MAX,
        failed: word & COUNT_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(8);

    #[test]
    fn old_slices_leave_the_window() {
        let window = Window::new();
        window.add(10, 4, LENGTH, Duration::from_secs(100));
        window.add(5, 5, LENGTH, Duration::from_secs(103));
        let at = |s| window.tally(LENGTH, Duration::from_secs(s));
        assert_eq!(
            at(103),
            Tally {
                total: 15,
                failed: 9
            }
        );
        assert_eq!(
            at(107),
            Tally {
                total: 15,
                failed: 9
            }
        );
        assert_eq!(
            at(108),
            Tally {
                total: 5,
                failed: 5
            }
        );
        assert_eq!(
            at(111),
            Tally {
                total: 0,
                failed: 0
            }
        );
    }

    #[test]
    fn a_full_slice_keeps_its_rate() {
        let window = Window::new();
        for _ in 0..5 {
            window.add(COUNT_MAX / 2, COUNT_MAX / 4, LENGTH, Duration::ZERO);
        }
        let tally = window.tally(LENGTH, Duration::ZERO);
        assert!(tally.total <= COUNT_MAX && tally.failed * 2 <= tally.total);
    }

    #[test]
    fn clear_forgets() {
        let window = Window::new();
        window.add(3, 3, LENGTH, LENGTH);
        window.clear();
        assert_eq!(window.tally(LENGTH, LENGTH).total, 0);
    }
}
