//! A weighted random draw in constant time.

use crate::choose::member::Member;
use crate::rng::{Rng, scale};

/// Vose's alias table: each column holds one server below its threshold and another above.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    below: u32,
    above: u32,
    /// Out of 2^32.
    threshold: u64,
}

impl Draw {
    pub(crate) fn new(members: &[Member]) -> Self {
        let total: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
        let count = members.len() as u64;
        // In units where a full column is `total`.
        let mut rest: Vec<u64> = members
            .iter()
            .map(|member| u64::from(member.weight) * count)
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..members.len()).partition(|at| rest[*at] < total);
        let full = |member: &Member| Column {
            below: member.ix,
            above: member.ix,
            threshold: 1 << 32,
        };
        let mut columns: Vec<Column> = members.iter().map(full).collect();
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            let threshold = (u128::from(rest[poor]) << 32) / u128::from(total.max(1));
            columns[poor] = Column {
                below: members[poor].ix,
                above: members[rich].ix,
                threshold: threshold as u64,
            };
            rest[rich] -= total - rest[poor];
            if rest[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        Self { columns }
    }

    /// A server, each with the probability of its weight; there was at least one.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let bits = rng.next();
        let column = self.columns[scale(bits >> 32, self.columns.len())];
        let ix = if bits & 0xffff_ffff < column.threshold {
            column.below
        } else {
            column.above
        };
        ix as usize
    }

    /// Two different servers if there are two.
    pub(crate) fn draw_two(&self, rng: &mut Rng) -> (usize, usize) {
        let first = self.draw(rng);
        for _ in 0..4 {
            let second = self.draw(rng);
            if second != first {
                return (first, second);
            }
        }
        // One server has nearly all the weight: look at any other.
        let at = rng.below(self.columns.len());
        let other = self
            .columns
            .iter()
            .cycle()
            .skip(at)
            .take(self.columns.len());
        let second = other
            .map(|column| column.below as usize)
            .find(|ix| *ix != first);
        (first, second.unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    fn draw(weights: &[u32]) -> Draw {
        let member = |(ix, weight): (usize, &u32)| Member {
            ix: ix as u32,
            weight: *weight,
        };
        Draw::new(&weights.iter().enumerate().map(member).collect::<Vec<_>>())
    }

    /// The probability of each server, read off the table.
    fn shares(draw: &Draw, servers: usize) -> Vec<f64> {
        let mut shares = vec![0.0; servers];
        for column in &draw.columns {
            let below = column.threshold as f64 / (1u64 << 32) as f64;
            shares[column.below as usize] += below / draw.columns.len() as f64;
            shares[column.above as usize] += (1.0 - below) / draw.columns.len() as f64;
        }
        shares
    }

    proptest! {
        #[test]
        fn the_table_holds_the_weights(weights in prop::collection::vec(1u32..=1_000_000, 1..50)) {
            let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (share, weight) in shares(&draw(&weights), weights.len()).iter().zip(&weights) {
                prop_assert!((share - f64::from(*weight) / total).abs() < 1e-7);
            }
        }

        #[test]
        fn two_are_different_if_there_are_two(
            weights in prop::collection::vec(prop_oneof![1u32..4, Just(1_000_000)], 1..6),
            seed: u64,
        ) {
            let (draw, mut rng) = (draw(&weights), Rng::new(seed));
            for _ in 0..50 {
                let (first, second) = draw.draw_two(&mut rng);
                prop_assert!(first < weights.len() && second < weights.len());
                prop_assert_eq!(first == second, weights.len() == 1);
            }
        }
    }

    #[test]
    fn draws_follow_the_table() {
        let (draw, mut rng) = (draw(&[1, 2, 5]), Rng::new(3));
        let mut counts = [0u32; 3];
        for _ in 0..80_000 {
            counts[draw.draw(&mut rng)] += 1;
        }
        let near = |count: u32, wanted: u32| count.abs_diff(wanted) < 600;
        assert!(near(counts[0], 10_000) && near(counts[1], 20_000) && near(counts[2], 50_000));
    }
}
