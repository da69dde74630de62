//! Which request comes next.

use std::sync::Arc;

/// The order in which the requests of a task are sent.
#[derive(Debug, Clone)]
pub enum Order {
    /// One after another, and then again.
    InTurn,
    /// By chance, the last of them most often.
    Drawn(Arc<Zipf>),
    /// By all connections the same at once; when all of them have its answer, the next.
    Waves,
}

/// Zipf's law: what is in the n-th place is asked for in proportion to `1 / n^exponent`.
#[derive(Debug)]
pub struct Zipf {
    /// The sums of the weights up to each place, the last of which is all of them.
    sums: Vec<f64>,
}

impl Zipf {
    /// Over `count` things, of which there is at least one.
    #[must_use]
    pub fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=count.max(1)).map(|place| {
            sum += (place as f64).powf(-exponent);
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// The index of one of them by what `chance` gives: the last is in the first place, so that those who go through all of
    /// them in turn end with what is asked for most.
    pub fn draw(&self, chance: &mut Chance) -> usize {
        let all = self.sums.last().copied().unwrap_or(0.0);
        let at = chance.next() * all;
        let place = self.sums.partition_point(|sum| *sum <= at);
        (self.sums.len() - 1).saturating_sub(place)
    }
}

/// A xorshift generator: the same numbers from the same seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(
            seed.wrapping_mul(2)
                .wrapping_add(1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15),
        )
    }

    /// A number from 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each index comes in 100,000 draws.
    fn draws(count: usize, exponent: f64) -> Vec<usize> {
        let zipf = Zipf::new(count, exponent);
        let mut chance = Chance::new(7);
        let mut found = vec![0; count];
        for _ in 0..100_000 {
            found[zipf.draw(&mut chance)] += 1;
        }
        found
    }

    #[test]
    fn shares_follow_the_law() {
        let found = draws(10, 1.0);
        let all: f64 = (1..=10).map(|place| 1.0 / f64::from(place)).sum();
        for (place, count) in found.iter().rev().enumerate() {
            let expected = 100_000.0 / all / (place + 1) as f64;
            let off = (*count as f64 - expected).abs() / expected;
            assert!(off < 0.05, "place {place}: {count}, not {expected}");
        }
    }

    #[test]
    fn without_an_exponent_all_are_alike() {
        let found = draws(100, 0.0);
        assert!(found.iter().all(|count| (800..1_200).contains(count)));
    }

    #[test]
    fn a_seed_gives_the_same_again() {
        let zipf = Zipf::new(1_000, 0.9);
        let some = |seed| {
            let mut chance = Chance::new(seed);
            (0..20).map(|_| zipf.draw(&mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(some(3), some(3));
        assert_ne!(some(3), some(4));
    }
}
