//! A weighted random draw in constant time.

use super::Member;
use crate::rng::{Rng, scale};

/// Vose's alias table: each column holds one server below its threshold and another above.
#[derive(Debug)]
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
