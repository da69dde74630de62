//! The least loaded server in logarithmic time.

use crate::choose::member::Member;
use crate::rng::Rng;

/// One unit of load or of waiting for a server of weight 1; a heavier one advances in smaller steps.
const STRIDE: u64 = 1 << 20;

/// A server's standing: fewer exchanges per weight first, then the one whose turn it is, as in a weighted rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    load: u64,
    turn: u64,
}

const NEVER: Key = Key {
    load: u64::MAX,
    turn: u64::MAX,
};

/// A tournament over all servers of the group; those that are not eligible have the key `NEVER`.
#[derive(Debug, Clone)]
pub(crate) struct Least {
    keys: Vec<Key>,
    /// 0 for a server that is not eligible.
    weights: Vec<u32>,
    /// A binary tree in an array: node 1 is the root, the leaves are the last `width` nodes; each holds the winner.
    winners: Vec<u32>,
    width: usize,
    /// The turn of the last server that started an exchange: one that was busy for long does not get its turns back.
    clock: u64,
}

impl Least {
    /// `in_flight` has an entry for every server of the group.
    pub(crate) fn new(members: &[Member], in_flight: &[u32], rng: &mut Rng) -> Self {
        let mut weights = vec![0; in_flight.len()];
        for member in members {
            weights[member.ix as usize] = member.weight;
        }
        let width = weights.len().next_power_of_two().max(1);
        let key = |(count, weight): (&u32, &u32)| match *weight {
            0 => NEVER,
            weight => Key {
                load: load(*count, weight),
                turn: rng.below((STRIDE / u64::from(weight)) as usize) as u64,
            },
        };
        let keys: Vec<Key> = in_flight.iter().zip(&weights).map(key).collect();
        let mut least = Self {
            keys,
            weights,
            winners: vec![0; 2 * width],
            width,
            clock: 0,
        };
        for leaf in 0..width {
            least.winners[width + leaf] = leaf as u32;
        }
        for node in (1..width).rev() {
            least.winners[node] = least.duel(node);
        }
        least
    }

    /// The least loaded server; at least one is eligible.
    pub(crate) fn best(&self) -> usize {
        self.winners[1] as usize
    }

    /// How loaded a server is, for comparison with others.
    pub(crate) fn rank(&self, ix: usize) -> impl Ord + Copy + use<> {
        self.keys[ix]
    }

    /// An exchange started, and `in_flight` are under way now.
    pub(crate) fn started(&mut self, ix: usize, in_flight: u32) {
        let weight = self.weights[ix];
        if weight > 0 {
            let turn = self.keys[ix].turn;
            self.clock = self.clock.max(turn);
            let turn =
                turn.max(self.clock.saturating_sub(STRIDE)) + (STRIDE / u64::from(weight)).max(1);
            self.set(
                ix,
                Key {
                    load: load(in_flight, weight),
                    turn,
                },
            );
        }
    }

    /// An exchange ended, and `in_flight` are under way now.
    pub(crate) fn finished(&mut self, ix: usize, in_flight: u32) {
        let weight = self.weights[ix];
        if weight > 0 {
            self.set(
                ix,
                Key {
                    load: load(in_flight, weight),
                    ..self.keys[ix]
                },
            );
        }
    }

    fn set(&mut self, ix: usize, key: Key) {
        self.keys[ix] = key;
        let mut node = (self.width + ix) / 2;
        while node > 0 {
            self.winners[node] = self.duel(node);
            node /= 2;
        }
    }

    fn duel(&self, node: usize) -> u32 {
        let (left, right) = (self.winners[2 * node], self.winners[2 * node + 1]);
        if self.key(right) < self.key(left) {
            right
        } else {
            left
        }
    }

    fn key(&self, ix: u32) -> Key {
        self.keys.get(ix as usize).copied().unwrap_or(NEVER)
    }
}

fn load(in_flight: u32, weight: u32) -> u64 {
    u64::from(in_flight) * STRIDE / u64::from(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    fn least(weights: &[u32]) -> Least {
        let member = |(ix, weight): (usize, &u32)| Member {
            ix: ix as u32,
            weight: *weight,
        };
        let members: Vec<Member> = weights
            .iter()
            .enumerate()
            .map(member)
            .filter(|member| member.weight > 0)
            .collect();
        Least::new(&members, &vec![0; weights.len()], &mut Rng::new(1))
    }

    #[test]
    fn idle_servers_take_turns_by_weight() {
        let mut least = least(&[1, 3, 0, 2]);
        let mut counts = [0; 4];
        for _ in 0..600 {
            let ix = least.best();
            least.started(ix, 1);
            least.finished(ix, 0);
            counts[ix] += 1;
        }
        assert!(
            counts
                .iter()
                .zip([100, 300, 0, 200])
                .all(|(count, wanted): (&i32, _)| count.abs_diff(wanted) <= 2)
        );
    }

    #[test]
    fn a_server_that_was_busy_for_long_gets_no_turns_back() {
        let mut least = least(&[1, 1, 1]);
        least.started(0, 1);
        for _ in 0..1_000 {
            let ix = least.best();
            least.started(ix, 1);
            least.finished(ix, 0);
            assert_ne!(ix, 0);
        }
        least.finished(0, 0);
        let mut count = 0;
        for _ in 0..30 {
            let ix = least.best();
            least.started(ix, 1);
            least.finished(ix, 0);
            count += usize::from(ix == 0);
        }
        assert!((9..=13).contains(&count), "{count}");
    }

    proptest! {
        #[test]
        fn the_best_is_a_member_with_the_least_load(
            weights in prop::collection::vec(0u32..5, 1..20),
            ends in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let mut least = least(&weights);
            let mut in_flight = vec![0u32; weights.len()];
            for (step, end) in ends.iter().enumerate() {
                let ix = least.best();
                prop_assert!(weights[ix] > 0);
                let lowest = (0..weights.len())
                    .filter(|ix| weights[*ix] > 0)
                    .map(|ix| load(in_flight[ix], weights[ix]))
                    .min();
                prop_assert_eq!(Some(load(in_flight[ix], weights[ix])), lowest);
                in_flight[ix] += 1;
                least.started(ix, in_flight[ix]);
                let done = end.index(weights.len());
                if step % 3 > 0 && in_flight[done] > 0 {
                    in_flight[done] -= 1;
                    least.finished(done, in_flight[done]);
                }
            }
        }
    }
}
