//! A hierarchical timing wheel: moments, counted in ticks, at which numbered timers are due.
//!
//! A level has 64 slots, each as long as the whole level below it; the slots of the lowest are one
//! tick long. A timer lies in the lowest level that reaches as far as it is away, and moves down as
//! its slot begins, so that to insert it, to remove it and to expire it take constant time: one
//! step for each level at most.

/// Bits of a tick that choose the slot of one level.
const SLOT_BITS: u32 = 6;

/// Slots of a level: as many as a word has bits.
const SLOTS: usize = 1 << SLOT_BITS;

/// Levels. A timer that is farther away than they reach goes round the highest again.
const LEVELS: usize = 4;

/// Ticks that all levels together reach ahead.
const REACH: u64 = 1 << (SLOT_BITS * LEVELS as u32);

/// The end of a list, or the slot of a timer that is in none.
const NONE: usize = usize::MAX;

/// Which timers are due when. Whoever inserts them names them by small numbers.
pub(super) struct Wheel {
    /// The tick up to which everything has expired.
    elapsed: u64,
    /// The timers by number; a slot's form a list.
    timers: Vec<Timer>,
    /// The first timer of each slot, level by level.
    heads: [usize; SLOTS * LEVELS],
    /// For each level a bit for each slot that is not empty.
    occupied: [u64; LEVELS],
}

#[derive(Clone, Copy)]
struct Timer {
    due: u64,
    slot: usize,
    previous: usize,
    next: usize,
}

/// In no slot.
const IDLE: Timer = Timer {
    due: 0,
    slot: NONE,
    previous: NONE,
    next: NONE,
};

impl Default for Wheel {
    fn default() -> Self {
        Self {
            elapsed: 0,
            timers: Vec::new(),
            heads: [NONE; SLOTS * LEVELS],
            occupied: [0; LEVELS],
        }
    }
}

impl Wheel {
    /// Makes a timer expire at the tick `due`, or at the next one where that is over.
    pub(super) fn insert(&mut self, number: usize, due: u64) {
        if number >= self.timers.len() {
            self.timers.resize(number + 1, IDLE);
        }
        debug_assert_eq!(self.timers[number].slot, NONE, "a timer is inserted once");
        self.timers[number].due = due.max(self.elapsed.saturating_add(1));
        self.link(number);
    }

    /// Takes a timer out, if it is in.
    pub(super) fn remove(&mut self, number: usize) {
        let Some(&timer) = self.timers.get(number) else {
            return;
        };
        if timer.slot == NONE {
            return;
        }
        match timer.previous {
            NONE => self.heads[timer.slot] = timer.next,
            previous => self.timers[previous].next = timer.next,
        }
        if timer.next != NONE {
            self.timers[timer.next].previous = timer.previous;
        }
        if self.heads[timer.slot] == NONE {
            self.occupied[timer.slot / SLOTS] &= !(1 << (timer.slot % SLOTS));
        }
        self.timers[number] = IDLE;
    }

    /// Whether a timer is in.
    pub(super) fn holds(&self, number: usize) -> bool {
        self.timers
            .get(number)
            .is_some_and(|timer| timer.slot != NONE)
    }

    /// A tick up to which nothing expires: that of the soonest timer, or one before it at which
    /// timers move down; nothing where there are no timers.
    pub(super) fn next(&self) -> Option<u64> {
        (0..LEVELS).filter_map(|level| self.next_of(level)).min()
    }

    /// Goes on to the tick `now`, and takes out and tells all timers that are due by then, those
    /// of an earlier tick first.
    pub(super) fn advance(&mut self, now: u64, mut expired: impl FnMut(usize)) {
        if now <= self.elapsed {
            return;
        }
        while let Some(tick) = self.next().filter(|tick| *tick <= now) {
            self.elapsed = tick;
            for level in (1..LEVELS).rev() {
                if tick.is_multiple_of(1 << (SLOT_BITS * level as u32)) {
                    self.empty(slot(level, tick), |wheel, number| wheel.link(number));
                }
            }
            self.empty(slot(0, tick), |_, number| expired(number));
        }
        self.elapsed = now;
    }

    /// When the next occupied slot of a level begins.
    fn next_of(&self, level: usize) -> Option<u64> {
        let shift = SLOT_BITS * level as u32;
        let following = (self.elapsed >> shift) + 1;
        let ahead = self.occupied[level].rotate_right(following as u32 % SLOTS as u32);
        // The slot that has begun is empty, or else that of the next time round.
        (ahead != 0)
            .then(|| (following + u64::from(ahead.trailing_zeros())).saturating_mul(1 << shift))
    }

    /// Puts a timer into the slot that it belongs to as of now.
    fn link(&mut self, number: usize) {
        let away = self.timers[number].due - self.elapsed;
        let reached = self.elapsed.saturating_add(away.min(REACH - 1));
        let level = match away.min(REACH - 1) {
            0 => 0,
            ticks => (ticks.ilog2() / SLOT_BITS) as usize,
        };
        let slot = slot(level, reached);
        let next = std::mem::replace(&mut self.heads[slot], number);
        if next != NONE {
            self.timers[next].previous = number;
        }
        let timer = &mut self.timers[number];
        (timer.slot, timer.previous, timer.next) = (slot, NONE, next);
        self.occupied[level] |= 1 << (slot % SLOTS);
    }

    /// Takes all timers out of a slot and passes them on.
    fn empty(&mut self, slot: usize, mut pass: impl FnMut(&mut Self, usize)) {
        let mut number = std::mem::replace(&mut self.heads[slot], NONE);
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        while number != NONE {
            let timer = &mut self.timers[number];
            let next = timer.next;
            *timer = Timer {
                due: timer.due,
                ..IDLE
            };
            pass(self, number);
            number = next;
        }
    }
}

/// The slot of a level in which a tick lies.
fn slot(level: usize, tick: u64) -> usize {
    let within = (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
    level * SLOTS + within
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::driver::sim::Dice;

    /// The wheel beside an ordered set, which is slow and obvious.
    #[derive(Default)]
    struct Both {
        wheel: Wheel,
        model: BTreeSet<(u64, usize)>,
        due: Vec<Option<u64>>,
        now: u64,
    }

    impl Both {
        fn insert(&mut self, number: usize, due: u64) {
            self.wheel.insert(number, due);
            let due = due.max(self.now + 1);
            self.model.insert((due, number));
            self.due[number] = Some(due);
        }

        fn remove(&mut self, number: usize) {
            self.wheel.remove(number);
            if let Some(due) = self.due[number].take() {
                self.model.remove(&(due, number));
            }
        }

        fn advance(&mut self, to: u64, seed: u64) {
            let mut expired = Vec::new();
            self.wheel.advance(to, |number| expired.push(number));
            let ticks: Vec<_> = expired.iter().map(|n| self.due[*n].unwrap()).collect();
            assert!(ticks.is_sorted(), "seed {seed}: {ticks:?}");
            expired.sort_unstable();
            self.now = to;
            let later = self.model.split_off(&(to + 1, 0));
            let mut expected: Vec<_> = self.model.iter().map(|(_, number)| *number).collect();
            self.model = later;
            expected.sort_unstable();
            assert_eq!(expired, expected, "seed {seed} at {to}");
            expired.iter().for_each(|number| self.due[*number] = None);
        }

        fn check_next(&self, seed: u64) {
            let soonest = self.model.first().map(|(due, _)| *due);
            let next = self.wheel.next();
            assert_eq!(next.is_some(), soonest.is_some(), "seed {seed}");
            assert!(next <= soonest, "seed {seed}: {next:?} {soonest:?}");
            assert!(next.is_none_or(|next| next > self.now), "seed {seed}");
        }
    }

    /// A number of any magnitude.
    fn any_size(dice: &mut Dice, bits: u64) -> u64 {
        let within = 1 << dice.below(bits);
        dice.below(within)
    }

    #[test]
    fn it_does_what_an_ordered_set_does() {
        for seed in 0..300 {
            let mut dice = Dice::of(seed, 0);
            let mut both = Both::default();
            both.due.resize(40, None);
            for _ in 0..400 {
                let number = dice.below(40) as usize;
                match dice.below(3) {
                    0 if both.due[number].is_none() => {
                        let due = both.now + any_size(&mut dice, 40);
                        both.insert(number, due);
                    }
                    1 => both.remove(number),
                    _ => {
                        let to = both.now + any_size(&mut dice, 30);
                        both.advance(to, seed);
                    }
                }
                both.check_next(seed);
                let held = (0..40).filter(|n| both.wheel.holds(*n)).count();
                assert_eq!(held, both.model.len(), "seed {seed}");
            }
        }
    }

    #[test]
    fn every_distance_expires_at_its_tick_from_everywhere() {
        for start in [0, 1, 63, 64, 65, 4095, 4096, REACH - 1, REACH] {
            for away in [
                1,
                2,
                62,
                63,
                64,
                65,
                127,
                4095,
                4096,
                4097,
                REACH,
                REACH + 1,
            ] {
                let mut wheel = Wheel::default();
                wheel.advance(start, |_| unreachable!());
                wheel.insert(0, start + away);
                wheel.advance(start + away - 1, |_| panic!("early: {start} + {away}"));
                let mut expired = 0;
                wheel.advance(start + away, |_| expired += 1);
                assert_eq!(expired, 1, "late: {start} + {away}");
                assert_eq!(wheel.next(), None);
            }
        }
    }

    #[test]
    fn what_never_comes_stays() {
        let mut wheel = Wheel::default();
        wheel.insert(0, u64::MAX);
        for tick in 1..20 {
            wheel.advance(tick * REACH / 3, |_| panic!("it never is"));
        }
        assert!(wheel.holds(0));
        wheel.remove(0);
        assert_eq!(wheel.next(), None);
    }
}
