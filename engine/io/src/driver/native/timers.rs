//! Moments at which tasks want to be woken, in steps of one [`TICK`].

use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use super::wheel::Wheel;

/// What a timer is exact to: it never goes off early, and late by less than this where its core
/// has a turn.
const TICK: Duration = Duration::from_millis(TICK_MILLIS);

const TICK_MILLIS: u64 = 1;

/// Names a timer for as long as its owner keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimerId(usize);

/// The timers of a core. To begin, to park, to end and to fire one take constant time.
#[derive(Default)]
pub(super) struct Timers {
    timers: Slab<Timer>,
    wheel: Wheel,
    /// When the kernel will wake the core; the soonest is last.
    armed: Vec<Duration>,
}

struct Timer {
    due: u64,
    waker: Option<Waker>,
}

impl Timers {
    /// A timer that goes off at `at`, once a task is parked there.
    pub(super) fn begin(&mut self, at: Duration) -> TimerId {
        TimerId(self.timers.insert(Timer {
            due: ticks(at.saturating_add(TICK - Duration::from_nanos(1))),
            waker: None,
        }))
    }

    /// Wakes this task then; gives the waker that it replaces.
    pub(super) fn park(&mut self, TimerId(number): TimerId, waker: Waker) -> Option<Waker> {
        let timer = &mut self.timers[number];
        if !self.wheel.holds(number) {
            self.wheel.insert(number, timer.due);
        }
        timer.waker.replace(waker)
    }

    /// Ends a timer, gone off or not.
    pub(super) fn end(&mut self, TimerId(number): TimerId) -> Option<Waker> {
        self.wheel.remove(number);
        self.timers.remove(number).waker
    }

    /// Moves the wakers of what is due.
    pub(super) fn fire(&mut self, now: Duration, into: &mut Vec<Waker>) {
        self.wheel.advance(ticks(now), |number| {
            into.extend(self.timers[number].waker.take());
        });
    }

    /// When the core must be woken, where the kernel is not to wake it soon enough; it is then
    /// taken to have been told so. A timer that is far away may have the core woken a few times
    /// before it goes off.
    pub(super) fn arm(&mut self) -> Option<Duration> {
        let next = moment(self.wheel.next()?);
        if self.armed.last().is_some_and(|armed| *armed <= next) {
            return None;
        }
        self.armed.push(next);
        Some(next)
    }

    /// The kernel has woken the core at the soonest of the moments that it was told.
    pub(super) fn disarm(&mut self) {
        self.armed.pop();
    }
}

/// Whole ticks in a time.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX)
}

/// When a tick is.
fn moment(tick: u64) -> Duration {
    Duration::from_millis(tick.saturating_mul(TICK_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::sim::Dice;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn begin(timers: &mut Timers, at: Duration) -> TimerId {
        let id = timers.begin(at);
        assert!(timers.park(id, Waker::noop().clone()).is_none());
        id
    }

    #[test]
    fn what_is_due_goes_off_and_nothing_else() {
        let mut timers = Timers::default();
        for millis in [30, 10, 20, 10] {
            begin(&mut timers, at(millis));
        }
        let mut woken = Vec::new();
        timers.fire(at(9), &mut woken);
        assert_eq!(woken.len(), 0);
        timers.fire(at(20), &mut woken);
        assert_eq!(woken.len(), 3);
        assert_eq!(timers.arm(), Some(at(30)));
    }

    #[test]
    fn none_is_early_and_none_is_late_by_a_tick() {
        for seed in 0..200 {
            let mut dice = Dice::of(seed, 0);
            let mut timers = Timers::default();
            let mut due = Vec::new();
            let mut now = Duration::ZERO;
            for _ in 0..50 {
                let wanted = now + Duration::from_nanos(1 + dice.below(300_000_000));
                due.push((wanted, begin(&mut timers, wanted)));
                now += Duration::from_nanos(dice.below(20_000_000));
                timers.fire(now, &mut Vec::new());
                due.retain(|(wanted, id)| {
                    let fired = timers.timers[id.0].waker.is_none();
                    assert!(!fired || *wanted <= now, "seed {seed}: early");
                    assert!(fired || *wanted + TICK > now, "seed {seed}: late");
                    if fired {
                        timers.end(*id);
                    }
                    !fired
                });
            }
            due.iter().for_each(|(_, id)| drop(timers.end(*id)));
            assert!(timers.timers.is_empty() && timers.arm().is_none());
        }
    }

    #[test]
    fn the_kernel_is_told_only_of_what_is_sooner() {
        let mut timers = Timers::default();
        assert_eq!(timers.arm(), None);
        begin(&mut timers, at(50));
        assert_eq!((timers.arm(), timers.arm()), (Some(at(50)), None));
        let soon = begin(&mut timers, at(10));
        assert_eq!((timers.arm(), timers.arm()), (Some(at(10)), None));
        timers.disarm();
        timers.end(soon);
        assert_eq!(timers.arm(), None, "it was told of this one before");
        timers.disarm();
        assert_eq!(timers.arm(), Some(at(50)));
    }

    #[test]
    fn a_wait_without_end_does_not_end() {
        let mut timers = Timers::default();
        let forever = begin(&mut timers, Duration::MAX);
        let mut woken = Vec::new();
        timers.fire(at(1 << 40), &mut woken);
        assert!(woken.is_empty());
        timers.end(forever);
    }
}
