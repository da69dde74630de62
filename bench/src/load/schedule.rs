//! When requests are due at a fixed rate, whatever the answers do.
//!
//! A latency counted from the moment when a request *should* have been sent includes the time that it waited for a
//! connection which a slow answer held up. Counting from when it *was* sent leaves out the very requests that a stall
//! delayed ("coordinated omission").

use std::collections::VecDeque;

/// Requests due at equal distances, and those that are due and wait for a connection.
#[derive(Debug)]
pub struct Schedule {
    /// Nanoseconds between two requests.
    interval: f64,
    /// When the next one is due, in nanoseconds; a fraction, so that rounding does not change the rate.
    next: f64,
    /// Due times of those that wait.
    waiting: VecDeque<u64>,
}

impl Schedule {
    /// `rate` requests a second, the first one now.
    #[must_use]
    pub fn new(rate: f64, now: u64) -> Self {
        Self {
            interval: 1e9 / rate,
            next: now as f64,
            waiting: VecDeque::new(),
        }
    }

    /// Nanoseconds between two requests, at least 1.
    #[must_use]
    pub fn interval(&self) -> u64 {
        (self.interval as u64).max(1)
    }

    /// Lets time pass until `now`: what became due waits.
    pub fn advance(&mut self, now: u64) {
        while self.next < now as f64 {
            self.waiting.push_back(self.next as u64);
            self.next += self.interval;
        }
    }

    /// The due time of the request that has waited longest.
    pub fn take(&mut self) -> Option<u64> {
        self.waiting.pop_front()
    }

    /// How many wait.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_rate() {
        let mut schedule = Schedule::new(1_000.0, 500);
        assert_eq!(schedule.interval(), 1_000_000);
        schedule.advance(3_000_000);
        let due: Vec<u64> = std::iter::from_fn(|| schedule.take()).collect();
        assert_eq!(due, [500, 1_000_500, 2_000_500]);
    }

    #[test]
    fn rounding_does_not_change_the_rate() {
        let mut schedule = Schedule::new(30_000.0, 0);
        schedule.advance(1_000_000_000);
        assert!(
            schedule.backlog().abs_diff(30_000) <= 1,
            "{}",
            schedule.backlog()
        );
    }

    #[test]
    fn what_waits_keeps_its_due_time() {
        let mut schedule = Schedule::new(1_000_000.0, 0);
        schedule.advance(2_500);
        schedule.advance(1_000_000);
        assert_eq!(schedule.take(), Some(0));
        assert_eq!(schedule.take(), Some(1_000));
    }
}
