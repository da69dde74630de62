//! Which workers hold requests that wait for a place on a full group.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

const WORDS: usize = 16;

/// The most workers that a process may have; the configuration allows no more.
pub const MAX_WORKERS: usize = WORDS * 64;

/// Index of a worker in its process.
pub type WorkerIx = usize;

/// A set of workers, one bit each.
///
/// No wake-up is lost: a waiter sets its bit and only then tries again for a place, a releaser gives its place back and
/// only then looks at the bits. A full fence stands between the two steps on both sides, so at least one of the two sees
/// what the other did.
#[derive(Debug)]
pub(crate) struct Waiters {
    bits: [AtomicU64; WORDS],
    /// Where the next search starts, so that no worker is always served first.
    turn: AtomicU32,
}

impl Waiters {
    pub(crate) fn new() -> Self {
        Self {
            bits: std::array::from_fn(|_| AtomicU64::new(0)),
            turn: AtomicU32::new(0),
        }
    }

    pub(crate) fn add(&self, worker: WorkerIx) {
        let (word, bit) = place(worker);
        self.bits[word].fetch_or(bit, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Takes `worker` out; false if a wake-up for it is already on its way.
    pub(crate) fn remove(&self, worker: WorkerIx) -> bool {
        let (word, bit) = place(worker);
        self.bits[word].fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// Takes one worker out of the set; the caller has given a place back, and must wake the worker.
    pub(crate) fn take(&self) -> Option<WorkerIx> {
        fence(Ordering::SeqCst);
        let turn = self.turn.load(Ordering::Relaxed) as usize % MAX_WORKERS;
        // The first word is visited twice: from the turn on, and at the end from its start.
        for step in 0..=WORDS {
            let word = (turn / 64 + step) % WORDS;
            let mask = if step == 0 {
                u64::MAX << (turn % 64)
            } else {
                u64::MAX
            };
            if let Some(bit) = self.take_in(word, mask) {
                let worker = word * 64 + bit;
                self.turn.store((worker + 1) as u32, Ordering::Relaxed);
                return Some(worker);
            }
        }
        None
    }

    fn take_in(&self, word: usize, mask: u64) -> Option<usize> {
        let mut seen = self.bits[word].load(Ordering::Acquire);
        while seen & mask != 0 {
            let bit = (seen & mask).trailing_zeros();
            let before = self.bits[word].fetch_and(!(1 << bit), Ordering::AcqRel);
            if before & (1 << bit) != 0 {
                return Some(bit as usize);
            }
            seen = before;
        }
        None
    }
}

fn place(worker: WorkerIx) -> (usize, u64) {
    assert!(
        worker < MAX_WORKERS,
        "worker {worker} of at most {MAX_WORKERS}"
    );
    (worker / 64, 1 << (worker % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_waiting_worker_is_taken_once_and_in_turn() {
        let waiters = Waiters::new();
        for worker in [3, 64, 1_023, 0] {
            waiters.add(worker);
        }
        assert_eq!(
            [0, 3, 64, 1_023].map(Some),
            std::array::from_fn(|_| waiters.take())
        );
        assert_eq!(waiters.take(), None);
        waiters.add(5);
        waiters.add(200);
        assert_eq!([waiters.take(), waiters.take()], [Some(5), Some(200)]);
        waiters.add(5);
        waiters.add(255);
        assert_eq!(
            waiters.take(),
            Some(255),
            "the search goes on after the last one served"
        );
        assert!(waiters.remove(5) && !waiters.remove(5));
    }
}
