//! What the kernel may do and seldom does, done often and by a seed, between this thread's ring and
//! the driver: completions are held back and change places with those of other operations,
//! operations fail that may be tried again, cancels come late, buffers are short, calls are
//! interrupted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rustix::io::Errno;

use super::ring::Completion;
use super::token::{Key, Op};
use crate::driver::sim::Dice;

/// Most turns for which something is held back.
const LATE: u64 = 6;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Everything.
    All,
    /// All but short transfers, which a test may take for granted not to happen.
    Whole,
    /// Everything, and connections break when something is sent.
    Broken,
}

thread_local! {
    static FAULTS: RefCell<Option<Faults>> = const { RefCell::new(None) };
    /// How often each fault has happened on this thread.
    static TALLY: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

struct Faults {
    dice: Dice,
    trouble: Trouble,
    turn: u64,
    held: Vec<Held>,
    cancels: Vec<(u64, Key, Op)>,
    /// No more goes wrong; what is held is given out.
    over: bool,
}

/// A completion, and the turn in which the driver may have it.
struct Held {
    at: u64,
    completion: Completion,
}

/// Things go wrong for as long as it lives; where a test fails meanwhile, its seed is told.
pub(super) struct Storm(u64);

/// Begins a storm on this thread.
pub(super) fn begin(seed: u64, trouble: Trouble) -> Storm {
    FAULTS.set(Some(Faults {
        dice: Dice::of(seed, 11),
        trouble,
        turn: 0,
        held: Vec::new(),
        cancels: Vec::new(),
        over: false,
    }));
    Storm(seed)
}

impl Drop for Storm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with the faults of SEED={}", self.0);
        }
        with((), |faults| faults.over = true);
    }
}

/// How often each fault has happened on this thread.
pub(super) fn tally() -> BTreeMap<&'static str, u64> {
    TALLY.with_borrow(Clone::clone)
}

/// The ring has gone, and what it had told with it.
pub(super) fn clear() {
    with((), |faults| {
        faults.held.clear();
        faults.cancels.clear();
    });
}

/// Whether an operation fails in place of being done.
pub(super) fn fails(key: Key, op: Op) -> bool {
    with(false, |faults| {
        let failures = faults.failures(op);
        if failures.is_empty() || !faults.happens(100, "failed") {
            return false;
        }
        let completion = Completion {
            key,
            op,
            result: -faults.dice.pick(failures).raw_os_error(),
            buffer: None,
            socket: None,
            more: false,
        };
        faults.hold(completion);
        true
    })
}

/// Whether a cancel comes later.
pub(super) fn delays_cancel(key: Key, op: Op) -> bool {
    with(false, |faults| {
        let late = faults.happens(300, "late cancel");
        if late {
            let at = faults.turn + faults.dice.between(1, LATE);
            faults.cancels.push((at, key, op));
        }
        late
    })
}

/// A turn begins: the cancels that come now.
pub(super) fn begin_turn() -> Vec<(Key, Op)> {
    with(Vec::new(), |faults| {
        faults.turn += 1;
        let (turn, over) = (faults.turn, faults.over);
        let due = faults
            .cancels
            .extract_if(.., |(at, ..)| over || *at <= turn);
        due.map(|(_, key, op)| (key, op)).collect()
    })
}

/// Whether the call of this turn is interrupted before it does anything.
pub(super) fn interrupts() -> bool {
    with(false, |faults| faults.happens(50, "interrupted"))
}

/// Whether the driver may wait: nothing is to come that the kernel does not know of.
pub(super) fn may_wait() -> bool {
    with(true, |faults| {
        faults.held.is_empty() && faults.cancels.is_empty()
    })
}

/// The length of which a provided buffer is said to be.
pub(super) fn length(whole: u32) -> u32 {
    with(whole, |faults| {
        if faults.trouble == Trouble::Whole || !faults.happens(400, "short buffer") {
            return whole;
        }
        let most = *faults.dice.pick(&[4, 200, whole]);
        faults.dice.between(1, u64::from(most)) as u32
    })
}

/// The part of some bytes that is sent in place of all of them.
pub(super) fn part(bytes: &[u8]) -> Option<&[u8]> {
    with(None, |faults| {
        let spared = bytes.is_empty() || faults.trouble == Trouble::Whole;
        if spared || !faults.happens(300, "short send") {
            return None;
        }
        let len = faults.dice.between(1, bytes.len() as u64);
        Some(&bytes[..len as usize])
    })
}

/// Exchanges what has completed for what the driver is to see of it.
pub(super) fn pass(completions: &mut Vec<Completion>) {
    with((), |faults| {
        for completion in completions.drain(..) {
            faults.hold(completion);
        }
        let (turn, over) = (faults.turn, faults.over);
        let due = faults.held.extract_if(.., |held| over || held.at <= turn);
        let mut due: Vec<_> = due.map(|held| held.completion).collect();
        while !due.is_empty() {
            let chosen = faults.dice.below(due.len() as u64) as usize;
            let first = due.iter().position(|other| is_same(other, &due[chosen]));
            let first = first.expect("it is one of them");
            if first > 0 {
                faults.count("out of order");
            }
            completions.push(due.remove(first));
        }
    });
}

/// Of one operation: these come in order.
fn is_same(one: &Completion, other: &Completion) -> bool {
    (one.key, one.op) == (other.key, other.op)
}

impl Faults {
    /// Ways in which an operation may fail.
    fn failures(&self, op: Op) -> &'static [Errno] {
        match op {
            Op::Receive => &[Errno::NOBUFS, Errno::INTR, Errno::CANCELED, Errno::AGAIN],
            Op::Accept => &[Errno::INTR, Errno::CANCELED, Errno::CONNABORTED],
            Op::Send if self.trouble == Trouble::Broken => {
                &[Errno::PIPE, Errno::CONNRESET, Errno::CANCELED]
            }
            Op::Send => &[Errno::INTR, Errno::AGAIN],
            _ => &[],
        }
    }

    /// Keeps a completion for as long as it is late, and not for less than those before it.
    fn hold(&mut self, completion: Completion) {
        let earlier = self.held.iter();
        let earlier = earlier.filter(|held| is_same(&held.completion, &completion));
        let after = earlier.map(|held| held.at).max().unwrap_or(0);
        let late = match self.happens(300, "late completion") {
            true => self.dice.between(1, LATE),
            false => 0,
        };
        let at = after.max(self.turn + late);
        self.held.push(Held { at, completion });
    }

    fn happens(&mut self, in_thousand: u32, what: &'static str) -> bool {
        let happens = !self.over && self.dice.chance(in_thousand);
        if happens {
            self.count(what);
        }
        happens
    }

    fn count(&self, what: &'static str) {
        TALLY.with_borrow_mut(|tally| *tally.entry(what).or_default() += 1);
    }
}

/// Does something with this thread's faults, where there are any.
fn with<T>(calm: T, work: impl FnOnce(&mut Faults) -> T) -> T {
    FAULTS.with_borrow_mut(|faults| match faults {
        Some(faults) => work(faults),
        None => calm,
    })
}
