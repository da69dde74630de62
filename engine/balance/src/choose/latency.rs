//! Peak EWMA: an average of latency that jumps to every peak and forgets slowly.

use std::time::Duration;

/// Time in which an old value fades to 1/e.
const DECAY_NS: f32 = 10e9;
/// What the first failure counts on a server whose latency is not known.
const UNKNOWN: Duration = Duration::from_millis(100);
/// By how much each failure raises the price: failing fast must not attract traffic, and one slip must not end it.
const FAILURE_FACTOR: f32 = 4.0;
/// The most that latency or failures can count, so that no server is shunned for ever.
const MAX_NS: f32 = 60e9;

/// The average of one server on one worker.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    /// In nanoseconds; 0 = no exchange yet.
    value: f32,
    at: u64,
}

impl Latency {
    /// An exchange was answered after `sample`.
    pub(crate) fn observe(&mut self, sample: Duration, now: u64) {
        self.add(sample.as_nanos() as f32, now);
    }

    /// An exchange failed after `sample`.
    pub(crate) fn observe_failure(&mut self, sample: Duration, now: u64) {
        let known = if self.value > 0.0 {
            self.value * self.keep(now)
        } else {
            UNKNOWN.as_nanos() as f32
        };
        self.add((known * FAILURE_FACTOR).max(sample.as_nanos() as f32), now);
    }

    /// What was seen before the server `recovered` says nothing any more.
    pub(crate) fn forget_if_before(&mut self, recovered: Option<u64>) {
        if recovered.is_some_and(|recovered| self.at < recovered) {
            *self = Self::default();
        }
    }

    /// The price of one more exchange: latency times those under way, in shares of `weight`.
    pub(crate) fn cost(&self, in_flight: u32, weight: u32, now: u64) -> f32 {
        let load = in_flight as f32 / weight as f32 + 1.0;
        match (self.value > 0.0, in_flight) {
            (true, _) => self.value * self.keep(now) * load,
            // Unknown: worth one try, and no second one before the first is answered.
            (false, 0) => 0.0,
            (false, _) => MAX_NS * load,
        }
    }

    fn add(&mut self, sample: f32, now: u64) {
        let sample = sample.clamp(1.0, MAX_NS);
        let keep = self.keep(now);
        let faded = self.value * keep;
        self.value = if sample >= faded {
            sample
        } else {
            faded + sample * (1.0 - keep)
        };
        self.at = now;
    }

    /// The share of the old value that still counts. Fading with time alone gives a server another chance.
    fn keep(&self, now: u64) -> f32 {
        // (1 + x/16)^-16 is close to e^-x and costs four multiplications; it is read twice for each pick.
        let root = 1.0 + now.saturating_sub(self.at) as f32 / (16.0 * DECAY_NS);
        let fourth = root * root * root * root;
        1.0 / (fourth * fourth * fourth * fourth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(seconds: u64) -> u64 {
        seconds * 1_000_000_000
    }

    #[test]
    fn jumps_to_a_peak_and_fades() {
        let mut latency = Latency::default();
        latency.observe(ms(1), at(100));
        latency.observe(ms(50), at(100));
        let cost = |seconds| latency.cost(0, 1, at(seconds)) / 1e6;
        assert_eq!(cost(100), 50.0);
        assert!((cost(110) - 50.0 / 1f32.exp()).abs() < 1.0, "{}", cost(110));
        assert!(cost(200) < 0.1);
    }

    #[test]
    fn the_average_goes_down_to_what_is_seen() {
        let mut latency = Latency::default();
        latency.observe(ms(100), at(0));
        for second in 1..=60 {
            latency.observe(ms(10), at(second));
        }
        let cost = latency.cost(0, 1, at(60)) / 1e6;
        assert!((10.0..11.0).contains(&cost), "{cost}");
    }

    #[test]
    fn cost_grows_with_exchanges_in_shares_of_weight() {
        let mut latency = Latency::default();
        latency.observe(ms(10), at(5));
        let cost = |in_flight, weight| latency.cost(in_flight, weight, at(5)) / 1e6;
        assert_eq!(
            [cost(0, 1), cost(1, 1), cost(4, 4), cost(2, 4)],
            [10.0, 20.0, 20.0, 15.0]
        );
    }

    #[test]
    fn an_unknown_server_is_tried_once() {
        let mut known = Latency::default();
        known.observe(ms(500), at(1));
        let unknown = Latency::default();
        assert!(unknown.cost(0, 1, at(1)) < known.cost(0, 1, at(1)));
        assert!(unknown.cost(1, 1, at(1)) > known.cost(20, 1, at(1)));
    }

    #[test]
    fn failing_fast_does_not_attract_and_one_slip_is_forgotten() {
        let mut good = Latency::default();
        let mut bad = Latency::default();
        for second in 0..100 {
            good.observe(ms(20), at(second));
            bad.observe(ms(20), at(second));
        }
        bad.observe_failure(ms(0), at(100));
        assert!(bad.cost(0, 1, at(100)) > good.cost(2, 1, at(100)));
        assert!(bad.cost(0, 1, at(120)) < good.cost(0, 1, at(100)));
        for _ in 0..100 {
            bad.observe_failure(ms(0), at(121));
        }
        assert_eq!(bad.cost(0, 1, at(121)), MAX_NS);
    }
}
