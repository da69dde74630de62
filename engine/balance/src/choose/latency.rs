//! Peak EWMA: an average of latency that jumps to every peak and forgets slowly.

use std::time::Duration;

/// Time after which an old value counts half.
const HALF_LIFE_NS: f32 = 10e9;
/// What an exchange without an answer counts at least: failing fast must not attract traffic.
pub(crate) const FAILURE: Duration = Duration::from_secs(1);

/// The average of one server on one worker.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    /// In nanoseconds; 0 = no exchange yet.
    value: f32,
    at: u64,
}

impl Latency {
    pub(crate) fn observe(&mut self, sample: Duration, now: u64) {
        let sample = (sample.as_nanos() as f32).max(1.0);
        let keep = self.keep(now);
        let faded = self.value * keep;
        self.value = if sample >= faded {
            sample
        } else {
            faded + sample * (1.0 - keep)
        };
        self.at = now;
    }

    /// The price of one more exchange: latency times those under way, in shares of `weight`.
    pub(crate) fn cost(&self, in_flight: u32, weight: u32, now: u64) -> f32 {
        let load = in_flight as f32 / weight as f32 + 1.0;
        match (self.value > 0.0, in_flight) {
            (true, _) => self.value * self.keep(now) * load,
            // Unknown: worth one try, and no second one before the first is answered.
            (false, 0) => 0.0,
            (false, _) => FAILURE.as_nanos() as f32 * load,
        }
    }

    /// The share of the old value that still counts. Fading with time alone gives a server another chance.
    fn keep(&self, now: u64) -> f32 {
        HALF_LIFE_NS / (HALF_LIFE_NS + now.saturating_sub(self.at) as f32)
    }
}
