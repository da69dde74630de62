//! A small deterministic generator: pickers need speed and repeatable tests, not secrecy.

use crate::hash::mix;

/// A counter passed through a mixer (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator whose whole sequence follows from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound` (0 when `bound` is 0). The bias of at most bound / 2^32 does not matter here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        scale(self.next() >> 32, bound)
    }
}

/// Maps 32 random bits on `0..bound` without a division.
pub(crate) fn scale(bits: u64, bound: usize) -> usize {
    ((bits * bound as u64) >> 32) as usize
}
