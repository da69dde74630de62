//! Smooth weighted round robin: nginx's algorithm, computed once per cycle.

use crate::choose::member::Member;
use crate::rng::Rng;

/// Cycles longer than this are computed anew each time instead of being kept.
const KEPT_MAX: u64 = 16 * 1024;
/// How far into the cycle of unequal weights a picker may start: it is computed up to there.
const HEAD_START: usize = 64;

/// The order of servers. Equal weights: a plain rotation. Otherwise the model runs through one cycle, after which its
/// state is back at the beginning, and the kept order is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Smooth {
    order: Vec<u32>,
    next: usize,
    model: Option<Model>,
}

impl Smooth {
    /// Starts anywhere in the cycle, so that cores do not all begin with the same server; there is at least one member.
    pub(crate) fn new(members: &[Member], rng: &mut Rng) -> Self {
        let mut turned = members.to_vec();
        turned.rotate_left(rng.below(members.len()));
        let mut smooth = Self::in_order(turned);
        if smooth.model.is_some() {
            for _ in 0..rng.below(HEAD_START) {
                smooth.next();
            }
        }
        smooth
    }

    fn in_order(members: Vec<Member>) -> Self {
        let alike = members
            .windows(2)
            .all(|pair| pair[0].weight == pair[1].weight);
        match alike {
            true => Self {
                order: members.iter().map(|member| member.ix).collect(),
                next: 0,
                model: None,
            },
            false => Self {
                order: Vec::new(),
                next: 0,
                model: Some(Model::new(members)),
            },
        }
    }

    /// The next server; the members were not empty.
    pub(crate) fn next(&mut self) -> usize {
        if let Some(model) = &mut self.model
            && self.next == self.order.len()
        {
            let ix = model.next();
            if model.cycle > KEPT_MAX {
                return ix as usize;
            }
            self.order.push(ix);
            if self.order.len() as u64 == model.cycle {
                self.model = None;
            }
        }
        let ix = self.order[self.next];
        self.next += 1;
        if self.next == self.order.len() && self.model.is_none() {
            self.next = 0;
        }
        ix as usize
    }
}

/// Each pick adds every server's weight to its credit, takes the richest, and charges it the sum of the weights.
#[derive(Debug, Clone)]
struct Model {
    members: Vec<Member>,
    credit: Vec<i64>,
    total: i64,
    /// Picks until the credits are all zero again.
    cycle: u64,
}

impl Model {
    fn new(members: Vec<Member>) -> Self {
        let total: i64 = members.iter().map(|member| i64::from(member.weight)).sum();
        let divisor = members
            .iter()
            .fold(0, |divisor, member| gcd(divisor, member.weight));
        Self {
            credit: vec![0; members.len()],
            cycle: total as u64 / u64::from(divisor.max(1)),
            members,
            total,
        }
    }

    fn next(&mut self) -> u32 {
        let mut best = 0;
        for (at, member) in self.members.iter().enumerate() {
            self.credit[at] += i64::from(member.weight);
            if self.credit[at] > self.credit[best] {
                best = at;
            }
        }
        self.credit[best] -= self.total;
        self.members[best].ix
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    /// The algorithm as nginx has it (`ngx_http_upstream_get_peer`), with nothing remembered but the credits.
    fn oracle(weights: &[u32], picks: usize) -> Vec<usize> {
        let mut credit = vec![0i64; weights.len()];
        let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
        let pick = |_| {
            for (credit, weight) in credit.iter_mut().zip(weights) {
                *credit += i64::from(*weight);
            }
            let best = (0..weights.len())
                .rev()
                .max_by_key(|ix| credit[*ix])
                .expect("not empty");
            credit[best] -= total;
            best
        };
        (0..picks).map(pick).collect()
    }

    fn members(weights: &[u32]) -> Vec<Member> {
        let member = |(ix, weight): (usize, &u32)| Member {
            ix: ix as u32,
            weight: *weight,
        };
        weights.iter().enumerate().map(member).collect()
    }

    #[test]
    fn the_example_of_nginx() {
        let mut smooth = Smooth::in_order(members(&[5, 1, 1]));
        let order: Vec<usize> = (0..14).map(|_| smooth.next()).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_cycle_too_long_to_keep_is_computed() {
        let weights = [30_011, 7, 1];
        let mut smooth = Smooth::in_order(members(&weights));
        assert!(
            (0..40_000)
                .map(|_| smooth.next())
                .eq(oracle(&weights, 40_000))
        );
        assert!(smooth.order.is_empty());
    }

    proptest! {
        #[test]
        fn equals_the_slow_model(weights in prop::collection::vec(1u32..20, 1..12)) {
            let mut smooth = Smooth::in_order(members(&weights));
            let order: Vec<usize> = (0..600).map(|_| smooth.next()).collect();
            prop_assert_eq!(order, oracle(&weights, 600));
        }

        #[test]
        fn every_cycle_has_each_server_as_often_as_its_weight(
            weights in prop::collection::vec(1u32..20, 1..12),
            seed: u64,
        ) {
            let mut smooth = Smooth::new(&members(&weights), &mut Rng::new(seed));
            let total: u32 = weights.iter().sum();
            let mut counts = vec![0; weights.len()];
            for _ in 0..2 * total {
                counts[smooth.next()] += 1;
            }
            let twice: Vec<u32> = weights.iter().map(|weight| 2 * weight).collect();
            prop_assert_eq!(counts, twice);
        }
    }
}
