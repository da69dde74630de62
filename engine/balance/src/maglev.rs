//! Maglev hashing: a lookup table that spreads keys evenly and moves few of them when a server comes or goes.
//!
//! Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4.

use crate::hash::mix;

/// Slots per server, so that shares differ by about one percent.
const SLOTS_PER_SERVER: usize = 100;
/// Primes to choose from; the largest bounds the memory of a table to 4 MiB.
const SIZES: [usize; 7] = [1_009, 5_003, 20_011, 65_537, 131_101, 500_009, 1_000_003];

/// The table of one group; shared by all workers.
#[derive(Debug)]
pub(crate) struct Maglev {
    slots: Vec<u32>,
}

/// One server as the table sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    /// Index in the group.
    pub(crate) ix: u32,
    /// The same identity prefers the same slots in every process.
    pub(crate) identity: u64,
    pub(crate) weight: u32,
}

impl Maglev {
    /// Builds the table; `None` without servers.
    pub(crate) fn new(seats: &[Seat]) -> Option<Self> {
        let heaviest = u64::from(seats.iter().map(|seat| seat.weight).max()?.max(1));
        let size = table_size(seats.len());
        let mut walks: Vec<Walk> = seats.iter().map(|seat| Walk::new(seat, size)).collect();
        // The order of servers in the file must not matter: who goes first takes the contested slots.
        walks.sort_by_key(|walk| walk.rank);
        let mut slots = vec![FREE; size];
        let mut left = size;
        while left > 0 {
            for walk in &mut walks {
                walk.credit += u64::from(walk.weight);
                if walk.credit >= heaviest && left > 0 {
                    walk.credit -= heaviest;
                    let slot = walk.next_free(&slots);
                    slots[slot] = walk.ix;
                    left -= 1;
                }
            }
        }
        Some(Self { slots })
    }

    /// The server for `key`; `attempt` counts up from 0 to get other candidates, the same ones everywhere.
    pub(crate) fn candidate(&self, key: u64, attempt: u32) -> usize {
        let key = if attempt == 0 {
            key
        } else {
            mix(key.wrapping_add(u64::from(attempt)))
        };
        self.slots[(key % self.slots.len() as u64) as usize] as usize
    }
}

const FREE: u32 = u32::MAX;

/// One server's own permutation of the slots.
struct Walk {
    ix: u32,
    weight: u32,
    rank: u64,
    credit: u64,
    at: usize,
    skip: usize,
}

impl Walk {
    fn new(seat: &Seat, size: usize) -> Self {
        let rank = seat.identity;
        let at = (mix(rank ^ 1) % size as u64) as usize;
        let skip = (mix(rank ^ 2) % (size as u64 - 1)) as usize + 1;
        Self {
            ix: seat.ix,
            weight: seat.weight.max(1),
            rank,
            credit: 0,
            at,
            skip,
        }
    }

    fn next_free(&mut self, slots: &[u32]) -> usize {
        // The size is prime, so the walk visits every slot before it repeats one.
        loop {
            let slot = self.at;
            self.at += self.skip;
            if self.at >= slots.len() {
                self.at -= slots.len();
            }
            if slots[slot] == FREE {
                return slot;
            }
        }
    }
}

fn table_size(servers: usize) -> usize {
    let wanted = servers.saturating_mul(SLOTS_PER_SERVER);
    SIZES
        .into_iter()
        .find(|size| *size >= wanted)
        .unwrap_or(SIZES[SIZES.len() - 1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seats(weights: &[u32], skip: Option<usize>) -> Vec<Seat> {
        let seat = |(ix, weight): (usize, &u32)| Seat {
            ix: ix as u32,
            identity: mix(ix as u64 + 1),
            weight: *weight,
        };
        let all = weights.iter().enumerate().map(seat);
        all.filter(|seat| Some(seat.ix as usize) != skip).collect()
    }

    fn shares(maglev: &Maglev, servers: usize) -> Vec<f64> {
        let mut counts = vec![0.0; servers];
        for ix in &maglev.slots {
            counts[*ix as usize] += 1.0 / maglev.slots.len() as f64;
        }
        counts
    }

    #[test]
    fn sizes_are_primes_and_bounded() {
        let prime = |n: usize| {
            (2..)
                .take_while(|d| d * d <= n)
                .all(|d| !n.is_multiple_of(d))
        };
        assert!(SIZES.into_iter().all(prime));
        assert_eq!(table_size(3), 1_009);
        assert!(table_size(1_000) >= 100_000);
        assert_eq!(table_size(usize::MAX), SIZES[SIZES.len() - 1]);
    }

    #[test]
    fn no_server_no_table() {
        assert!(Maglev::new(&[]).is_none());
    }

    #[test]
    fn the_order_of_servers_does_not_matter() {
        let mut seats = seats(&[3, 1, 2, 1, 1], None);
        let one = Maglev::new(&seats).map(|maglev| maglev.slots);
        seats.reverse();
        assert_eq!(one, Maglev::new(&seats).map(|maglev| maglev.slots));
    }

    #[test]
    fn candidates_reach_other_servers() {
        let maglev = Maglev::new(&seats(&[1; 5], None)).expect("five servers");
        let reached = |key: u64| {
            let mut all: Vec<usize> = (0..64)
                .map(|attempt| maglev.candidate(mix(key), attempt))
                .collect();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        assert!((0..200).all(|key| reached(key) == 5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn shares_follow_the_weights(weights in prop::collection::vec(1u32..10, 1..40)) {
            let maglev = Maglev::new(&seats(&weights, None)).expect("servers");
            let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (share, weight) in shares(&maglev, weights.len()).iter().zip(&weights) {
                // Each server is less than a turn away from what the number of rounds gives it, and all of them
                // together move that number, of which a server has its share.
                let wanted = f64::from(*weight) / total;
                let most = (2.0 + wanted * weights.len() as f64) / maglev.slots.len() as f64;
                prop_assert!((share - wanted).abs() <= most, "{share} {wanted}");
            }
        }

        #[test]
        fn few_keys_move_when_a_server_goes(
            weights in prop::collection::vec(1u32..4, 5..40),
            gone in any::<prop::sample::Index>(),
        ) {
            let gone = gone.index(weights.len());
            let before = Maglev::new(&seats(&weights, None)).expect("servers");
            let after = Maglev::new(&seats(&weights, Some(gone))).expect("servers");
            prop_assume!(before.slots.len() == after.slots.len());
            let pairs = before.slots.iter().zip(&after.slots);
            let moved = pairs.filter(|(old, new)| old != new && **old as usize != gone).count();
            prop_assert!(moved as f64 <= 0.05 * before.slots.len() as f64, "{moved} of {}", before.slots.len());
        }
    }
}
