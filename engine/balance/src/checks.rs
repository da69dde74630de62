//! The verdict of active checks on one server: up or down, by rise and fall counts.

use crate::sync::{AtomicU32, Ordering};

const DOWN: u32 = 1 << 31;
const PROVEN: u32 = 1 << 30;
const STREAK: u32 = PROVEN - 1;

/// Counts check results that contradict the present state, in one atomic word.
///
/// A server starts up but unproven, so that traffic need not wait for the first round of checks. While unproven, one
/// failed check takes it down; once a check has passed, `fall` failures in a row are needed.
#[derive(Debug)]
pub(crate) struct CheckState(AtomicU32);

impl CheckState {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::Acquire) & DOWN == 0
    }

    /// Counts a passed check; true if this one brought the server up.
    pub(crate) fn passed(&self, rise: u32) -> bool {
        self.step(|word| match word & DOWN {
            0 => PROVEN,
            _ if (word & STREAK) + 1 >= rise => PROVEN,
            _ => word + 1,
        })
    }

    /// Counts a failed check; true if this one took the server down.
    pub(crate) fn failed(&self, fall: u32) -> bool {
        self.step(|word| match word & DOWN {
            0 if word & PROVEN == 0 || (word & STREAK) + 1 >= fall => DOWN | PROVEN,
            0 => word + 1,
            _ => DOWN | PROVEN,
        })
    }

    /// Applies `next`; true if the up/down bit changed.
    fn step(&self, next: impl Fn(u32) -> u32) -> bool {
        let mut old = self.0.load(Ordering::Acquire);
        loop {
            let new = next(old);
            if new == old {
                return false;
            }
            match self
                .0
                .compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return (old ^ new) & DOWN != 0,
                Err(seen) => old = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_enough_before_the_first_pass() {
        let state = CheckState::new();
        assert!(state.is_up());
        assert!(state.failed(3));
        assert!(!state.is_up());
    }

    #[test]
    fn fall_counts_failures_in_a_row() {
        let state = CheckState::new();
        assert!(!state.passed(2));
        assert!(!state.failed(3) && !state.failed(3));
        assert!(!state.passed(2), "a pass in between starts the count again");
        assert!(!state.failed(3) && !state.failed(3));
        assert!(state.failed(3));
        assert!(!state.failed(3), "reported once");
    }

    #[test]
    fn rise_counts_passes_in_a_row() {
        let state = CheckState::new();
        state.failed(1);
        assert!(!state.passed(2));
        assert!(!state.failed(1));
        assert!(!state.passed(2));
        assert!(state.passed(2) && state.is_up());
    }
}
