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
