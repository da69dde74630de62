//! How long things took: a log-linear histogram of fixed size.
//!
//! Every decade from 1 µs to 1,000 s is cut into 36 equal parts (a quarter of its lower end each), so that any bound of
//! the form 1, 1.25, 1.5 … 9.75 times a power of ten is the exact edge of a bucket, and a bucket is at most 25 % wide.

use crate::counter::Counter;
use std::time::Duration;

/// Parts in a decade: from 1 to 10 in steps of a quarter.
const PARTS: usize = 36;
/// Decades: 1 µs to 1,000 s.
const DECADES: usize = 9;
/// One bucket up to 1 µs, the decades, one past 1,000 s.
const BUCKETS: usize = 1 + DECADES * PARTS + 1;

/// Powers of ten, one for each decade.
const POWERS: [u64; DECADES] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// A histogram of durations with one writer, 2.6 KB, accurate to 25 % (exact at round bounds; see the module's head).
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[Counter; BUCKETS]>,
    sum_us: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buckets: Box::new([const { Counter::new() }; BUCKETS]),
            sum_us: Counter::new(),
        }
    }

    /// Counts one duration. Only the owning thread may call this.
    #[inline]
    pub fn record(&self, duration: Duration) {
        self.buckets[bucket_of(duration)].inc();
        self.sum_us.add(micros(duration));
    }

    /// Adds what has been counted so far to `total`.
    pub fn add_to(&self, total: &mut Snapshot) {
        for (sum, bucket) in total.buckets.iter_mut().zip(self.buckets.iter()) {
            *sum += bucket.get();
        }
        total.sum_us = total.sum_us.wrapping_add(self.sum_us.get());
    }

    /// Adds the counts of a retired histogram to this one. Only the owning thread may call this.
    pub(crate) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.buckets.iter().zip(other.buckets.iter()) {
            mine.add(theirs.get());
        }
        self.sum_us.add(other.sum_us.get());
    }
}

/// The sum of several histograms at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    buckets: Box<[u64; BUCKETS]>,
    sum_us: u64,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            buckets: Box::new([0; BUCKETS]),
            sum_us: 0,
        }
    }
}

impl Snapshot {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all durations, in seconds (each cut to whole microseconds).
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// How many durations were at most `bound`. Exact when `bound` is the edge of a bucket; otherwise those of the
    /// bucket that `bound` falls in are left out.
    #[must_use]
    pub fn count_up_to(&self, bound: Duration) -> u64 {
        // The bucket just past the bound begins right after it.
        let end = bucket_of(bound.saturating_add(Duration::from_nanos(1)));
        self.buckets[..end].iter().sum()
    }
}

/// Whole microseconds of a duration.
fn micros(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(duration.subsec_micros()))
}

/// The bucket of a duration. Buckets are open below and closed above, as Prometheus's `le` is.
fn bucket_of(duration: Duration) -> usize {
    let nanos = duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()));
    // Quarters of a microsecond, so that a quarter of the lowest decade is a whole number too.
    let quarters = nanos.saturating_sub(1) / 250;
    if quarters < 4 {
        return 0;
    }
    let decade = (quarters / 4).ilog10();
    if decade as usize >= DECADES {
        return BUCKETS - 1;
    }
    // 4 quarters to less than 40, whatever the decade.
    let part = (quarters / POWERS[decade as usize]) as usize - 4;
    1 + decade as usize * PARTS + part
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The slow, obvious one: every bucket's upper edge in nanoseconds.
    fn edges() -> Vec<u64> {
        let mut edges = vec![1_000];
        for decade in 0..DECADES as u32 {
            for part in 1..=PARTS as u64 {
                edges.push(10_u64.pow(decade) * (4 + part) * 250);
            }
        }
        edges
    }

    #[test]
    fn edges_are_inclusive_above() {
        for (ix, edge) in edges().into_iter().enumerate() {
            assert_eq!(bucket_of(Duration::from_nanos(edge)), ix, "{edge}");
            assert_eq!(bucket_of(Duration::from_nanos(edge + 1)), ix + 1, "{edge}");
        }
    }

    #[test]
    fn extremes_have_a_bucket() {
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn counts_are_exact_at_round_bounds() {
        let histogram = Histogram::new();
        for ms in [1, 5, 5, 10, 250, 3_000] {
            histogram.record(Duration::from_millis(ms));
        }
        histogram.record(Duration::from_nanos(5_000_001));
        let mut total = Snapshot::default();
        histogram.add_to(&mut total);
        assert_eq!(total.count_up_to(Duration::from_millis(1)), 1);
        assert_eq!(total.count_up_to(Duration::from_millis(5)), 3);
        assert_eq!(total.count_up_to(Duration::from_millis(10)), 5);
        assert_eq!(total.count_up_to(Duration::from_secs(1)), 6);
        assert_eq!(total.count(), 7);
        assert!((total.sum_seconds() - 3.276).abs() < 1e-9);
    }

    #[test]
    fn sums_of_workers_add_up() {
        let (one, two) = (Histogram::new(), Histogram::new());
        one.record(Duration::from_millis(2));
        two.record(Duration::from_secs(2));
        one.absorb(&two);
        let mut total = Snapshot::default();
        one.add_to(&mut total);
        two.add_to(&mut total);
        assert_eq!(total.count(), 3);
    }

    proptest! {
        #[test]
        fn agrees_with_a_linear_search(nanos in 0_u64..2_000_000_000_000) {
            let edges = edges();
            let slow = edges.iter().position(|&edge| nanos <= edge).unwrap_or(edges.len());
            prop_assert_eq!(bucket_of(Duration::from_nanos(nanos)), slow);
        }
    }
}
