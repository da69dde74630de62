//! Chance that follows from a seed.

/// A counter passed through a mixer (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice whose every throw follows from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one of many things, whatever is thrown for the others.
    pub const fn of(seed: u64, which: u64) -> Self {
        Self(mix(seed ^ mix(which.wrapping_add(0x51ed_270b))))
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 where `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.bits() % bound }
    }

    /// A number from `least` to `most`, both included.
    pub const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True so often in a thousand times.
    pub const fn chance(&mut self, in_thousand: u32) -> bool {
        in_thousand > 0 && self.below(1000) < in_thousand as u64
    }

    /// One of several things.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// Scrambles 64 bits; no two give the same.
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
