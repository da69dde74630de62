//! A log-linear histogram of nanoseconds: constant memory, no allocation on record, percentiles within 1 %.

/// Bits of a value that are kept below its leading one; 2^7 buckets an octave bound the error to 1/128.
const SUB_BITS: u32 = 7;
/// Buckets an octave.
const SUB: usize = 1 << SUB_BITS;
/// Values from 2^40 ns (18 minutes) on share the last bucket.
const MAX_BITS: u32 = 40;
/// All buckets: the linear start, then one group for each octave above it.
const BUCKETS: usize = (MAX_BITS - SUB_BITS + 1) as usize * SUB;

/// Counts of durations in nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }

    /// Counts one duration of `nanos` nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many durations were recorded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The smallest recorded duration that at least `percent` of all do not exceed, in nanoseconds, within 1 %.
    /// `None` while nothing was recorded.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((percent / 100.0 * self.total as f64).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(middle(index));
            }
        }
        None
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket that counts `value`.
fn bucket(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    if value < SUB as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    (shift as usize + 1) * SUB + (value >> shift) as usize - SUB
}

/// The value in the middle of a bucket.
fn middle(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let shift = (index / SUB - 1) as u32;
    let low = ((index % SUB + SUB) as u64) << shift;
    low + (1u64 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_has_no_percentile() {
        assert_eq!(Histogram::new().percentile(50.0), None);
    }

    #[test]
    fn small_values_are_exact() {
        let mut histogram = Histogram::new();
        for value in 1..=100 {
            histogram.record(value);
        }
        assert_eq!(histogram.percentile(50.0), Some(50));
        assert_eq!(histogram.percentile(99.0), Some(99));
        assert_eq!(histogram.percentile(99.9), Some(100));
        assert_eq!(histogram.percentile(0.0), Some(1));
    }

    #[test]
    fn every_value_is_within_one_percent_of_its_bucket() {
        let mut value = 1u64;
        while value < 1 << (MAX_BITS - 1) {
            let error = middle(bucket(value)).abs_diff(value) as f64 / value as f64;
            assert!(error <= 0.01, "{value} is off by {error}");
            value = value * 21 / 20 + 1;
        }
    }

    #[test]
    fn buckets_are_contiguous_and_ordered() {
        for index in 1..BUCKETS {
            assert!(middle(index) > middle(index - 1));
            assert_eq!(bucket(middle(index)), index);
        }
    }

    #[test]
    fn a_value_past_the_end_stays_in_the_last_bucket() {
        let mut histogram = Histogram::new();
        histogram.record(u64::MAX);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(histogram.count(), 1);
    }

    #[test]
    fn percentiles_agree_with_sorting() {
        let mut histogram = Histogram::new();
        let mut values: Vec<u64> = (0..10_000u64).map(|i| (i * 7_919) % 100_003 + 1).collect();
        for value in &values {
            histogram.record(*value);
        }
        values.sort_unstable();
        for percent in [1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            let exact = values[((percent / 100.0 * 10_000.0f64).ceil() as usize).max(1) - 1];
            let got = histogram.percentile(percent).unwrap();
            assert!(
                got.abs_diff(exact) as f64 <= exact as f64 * 0.01,
                "p{percent}: {got}, not {exact}"
            );
        }
    }

    #[test]
    fn merging_adds() {
        let (mut one, mut two) = (Histogram::new(), Histogram::new());
        one.record(1);
        two.record(100);
        two.record(100);
        one.merge(&two);
        assert_eq!(one.count(), 3);
        assert_eq!(one.percentile(100.0), Some(100));
        assert_eq!(one.percentile(30.0), Some(1));
    }
}
