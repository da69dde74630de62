//! One server's ejection: until when, how often lately, and whether it holds a place among the ejected.

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// `until:46 times:16 held:1 unreported:1` in one atomic word; `until` in milliseconds.
#[derive(Debug)]
pub(crate) struct EjectionState(AtomicU64);

/// One reading of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ejected {
    /// End of the latest ejection; zero if there was none.
    pub(crate) until: Duration,
    /// How many ejections count towards the length of the next one.
    times: u16,
    /// Whether it holds one of the group's places for ejected servers.
    pub(crate) held: bool,
    /// Whether its return is still to be reported.
    unreported: bool,
}

impl Ejected {
    /// Whether the server is out at `now`.
    pub(crate) fn is_out(self, now: Duration) -> bool {
        now < self.until
    }
}

impl EjectionState {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn read(&self) -> Ejected {
        unpack(self.0.load(Ordering::Acquire))
    }

    /// Ejects for `base` times the ejections of late, at most `max`; the caller holds a place for it.
    /// `None` if another thread changed the word since it was `seen`.
    pub(crate) fn start(
        &self,
        seen: Ejected,
        base: Duration,
        max: Duration,
        now: Duration,
    ) -> Option<Duration> {
        let times = remembered(seen, base, now).saturating_add(1);
        let length = base.saturating_mul(u32::from(times)).min(max);
        let until = ceil_ms(now.saturating_add(length));
        let new = Ejected {
            until,
            times,
            held: true,
            unreported: true,
        };
        self.replace(seen, new).then_some(until)
    }

    /// Ends an ejection before its time; its place and its report are left to [`Self::report_return`]. True if there
    /// was one.
    pub(crate) fn end(&self, now: Duration) -> bool {
        let floor = Duration::from_millis(now.as_millis() as u64);
        self.change(|seen| {
            seen.is_out(now).then_some(Ejected {
                until: floor,
                ..seen
            })
        })
        .is_some()
    }

    /// Gives up the place of an ejection that is over; true if there was one and this call gave it up.
    pub(crate) fn give_up_place(&self, now: Duration) -> bool {
        self.change(|seen| {
            (!seen.is_out(now) && seen.held).then_some(Ejected {
                held: false,
                ..seen
            })
        })
        .is_some()
    }

    /// Marks a finished ejection as reported and gives up its place: what the word was, if it was unreported.
    pub(crate) fn report_return(&self, now: Duration) -> Option<Ejected> {
        self.change(|seen| {
            let over = !seen.is_out(now) && seen.unreported;
            over.then_some(Ejected {
                held: false,
                unreported: false,
                ..seen
            })
        })
    }

    fn change(&self, next: impl Fn(Ejected) -> Option<Ejected>) -> Option<Ejected> {
        loop {
            let seen = self.read();
            if self.replace(seen, next(seen)?) {
                return Some(seen);
            }
        }
    }

    fn replace(&self, seen: Ejected, new: Ejected) -> bool {
        self.0
            .compare_exchange(pack(seen), pack(new), Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// Past ejections that still count: one is forgiven for each `base` of good time since the last one ended.
fn remembered(seen: Ejected, base: Duration, now: Duration) -> u16 {
    let good = now.saturating_sub(seen.until).as_millis();
    let forgiven = good / base.as_millis().max(1);
    seen.times
        .saturating_sub(u16::try_from(forgiven).unwrap_or(u16::MAX))
}

fn ceil_ms(at: Duration) -> Duration {
    let ms = at.as_nanos().div_ceil(1_000_000).min(u128::from(UNTIL_MAX));
    Duration::from_millis(ms as u64)
}

const UNTIL_SHIFT: u32 = 18;
const UNTIL_MAX: u64 = u64::MAX >> UNTIL_SHIFT;

fn pack(word: Ejected) -> u64 {
    let until = word.until.as_millis() as u64;
    until << UNTIL_SHIFT
        | u64::from(word.times) << 2
        | u64::from(word.held) << 1
        | u64::from(word.unreported)
}

fn unpack(bits: u64) -> Ejected {
    Ejected {
        until: Duration::from_millis(bits >> UNTIL_SHIFT),
        times: (bits >> 2) as u16,
        held: bits & 2 != 0,
        unreported: bits & 1 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(10);
    const MAX: Duration = Duration::from_secs(25);

    fn eject(state: &EjectionState, now: u64) -> u64 {
        let now = Duration::from_secs(now);
        let until = state
            .start(state.read(), BASE, MAX, now)
            .expect("single thread");
        (until - now).as_secs()
    }

    #[test]
    fn time_grows_to_its_maximum_and_good_time_forgives() {
        let state = EjectionState::new();
        assert_eq!(eject(&state, 100), 10);
        assert_eq!(eject(&state, 110), 20);
        assert_eq!(eject(&state, 131), 25);
        assert_eq!(
            eject(&state, 156 + 20),
            20,
            "two base times well: two of three forgiven"
        );
        assert_eq!(eject(&state, 5_000), 10);
    }

    #[test]
    fn a_return_is_reported_once_and_frees_the_place_once() {
        let state = EjectionState::new();
        eject(&state, 100);
        let at = Duration::from_secs;
        assert!(state.read().is_out(at(109)) && !state.read().is_out(at(110)));
        assert!(!state.give_up_place(at(109)) && state.report_return(at(109)).is_none());
        assert!(state.give_up_place(at(110)) && !state.give_up_place(at(110)));
        assert!(state.report_return(at(111)).is_some_and(|seen| !seen.held));
        assert!(state.report_return(at(111)).is_none());
    }

    #[test]
    fn packing_keeps_all_parts() {
        let word = Ejected {
            until: Duration::from_millis(UNTIL_MAX),
            times: u16::MAX,
            held: true,
            unreported: false,
        };
        assert_eq!(unpack(pack(word)), word);
    }
}
