//! Numbers by chance, good enough to keep things out of step.

use std::time::Duration;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number from 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// A time, moved either way by at most this share of it.
    pub(crate) fn about(&mut self, time: Duration, share: f64) -> Duration {
        let shift = share * (2.0 * self.unit() - 1.0);
        time.mul_f64((1.0 + shift).max(0.0))
    }
}
