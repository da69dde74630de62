//! Moments at which tasks want to be woken.
//!
//! Deadlines on the request path are the sweep's (see [`crate::deadline`]), so there are few of
//! these, and an ordered map does.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

/// A timer's place: when, and which of those at the same moment.
pub(super) type Due = (Duration, u64);

#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<Due, Waker>,
    next: u64,
    /// When the kernel will wake the core; the soonest is last.
    armed: Vec<Duration>,
}

impl Timers {
    /// A place for a timer that goes off at `at`.
    pub(super) fn begin(&mut self, at: Duration) -> Due {
        self.next += 1;
        (at, self.next)
    }

    /// Wakes this task then; gives the waker that it replaces.
    pub(super) fn park(&mut self, due: Due, waker: Waker) -> Option<Waker> {
        self.waiting.insert(due, waker)
    }

    /// Forgets a timer.
    pub(super) fn end(&mut self, due: Due) -> Option<Waker> {
        self.waiting.remove(&due)
    }

    /// Moves the wakers of what is due.
    pub(super) fn fire(&mut self, now: Duration, into: &mut Vec<Waker>) {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            into.push(first.remove());
        }
    }

    /// When the core must be woken, where the kernel is not to wake it soon enough; it is then
    /// taken to have been told so.
    pub(super) fn arm(&mut self) -> Option<Duration> {
        let (first, _) = *self.waiting.first_key_value()?.0;
        if self.armed.last().is_some_and(|armed| *armed <= first) {
            return None;
        }
        self.armed.push(first);
        Some(first)
    }

    /// The kernel has woken the core at the soonest of the moments that it was told.
    pub(super) fn disarm(&mut self) {
        self.armed.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_is_due_goes_off_and_nothing_else() {
        let mut timers = Timers::default();
        for millis in [30, 10, 20, 10] {
            let due = timers.begin(at(millis));
            timers.park(due, Waker::noop().clone());
        }
        let mut woken = Vec::new();
        timers.fire(at(9), &mut woken);
        assert_eq!(woken.len(), 0);
        timers.fire(at(20), &mut woken);
        assert_eq!(woken.len(), 3);
        assert_eq!(timers.arm(), Some(at(30)));
    }

    #[test]
    fn the_kernel_is_told_only_of_what_is_sooner() {
        let mut timers = Timers::default();
        assert_eq!(timers.arm(), None);
        let late = timers.begin(at(50));
        timers.park(late, Waker::noop().clone());
        assert_eq!((timers.arm(), timers.arm()), (Some(at(50)), None));
        let soon = timers.begin(at(10));
        timers.park(soon, Waker::noop().clone());
        assert_eq!((timers.arm(), timers.arm()), (Some(at(10)), None));
        timers.disarm();
        timers.end(soon);
        assert_eq!(timers.arm(), None, "it was told of this one before");
        timers.disarm();
        assert_eq!(timers.arm(), Some(at(50)));
    }
}
