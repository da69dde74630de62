//! What the simulated network does to those who use it.

use super::dice::Dice;

/// How kind the network is. Chances are in a thousand, times in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Shortest and longest time that something is under way on the quickest and on the slowest
    /// connections.
    pub latency: (u64, u64),
    /// That a receive gives less than there is.
    pub short_reads: u32,
    /// That a send takes less than there is room for.
    pub short_writes: u32,
    /// That what is sent comes in pieces, some of them later.
    pub scattered: u32,
    /// That something under way is held up for long.
    pub stalls: u32,
    /// How long.
    pub stall: u64,
    /// That a connection is cut by the network at some time.
    pub cuts: u32,
    /// That a wait ends although there is nothing.
    pub false_calls: u32,
    /// That an accept finds no descriptor left.
    pub no_descriptors: u32,
    /// Smallest and largest number of bytes that one side of a connection holds for the other.
    pub buffers: (u64, u64),
    /// That a task runs out of its turn.
    pub disorder: u32,
}

impl Weather {
    /// A short delay, the same for all, and nothing else.
    pub const fn fair() -> Self {
        Self {
            latency: (20, 20),
            short_reads: 0,
            short_writes: 0,
            scattered: 0,
            stalls: 0,
            stall: 0,
            cuts: 0,
            false_calls: 0,
            no_descriptors: 0,
            buffers: (256 << 10, 256 << 10),
            disorder: 0,
        }
    }

    /// A weather that follows from a seed: seldom everything at once.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, 0x77ea_7be5);
        let mut some = |most: u64| {
            // Two of three times not at all, so that what remains shows.
            if dice.below(3) == 0 {
                dice.between(1, most)
            } else {
                0
            }
        };
        Self {
            latency: (1, 1 + some(2_000) + some(100_000)),
            short_reads: some(600) as u32,
            short_writes: some(600) as u32,
            scattered: some(800) as u32,
            stalls: some(20) as u32,
            stall: 1_000_000 + some(20_000_000),
            cuts: some(150) as u32,
            false_calls: some(300) as u32,
            no_descriptors: some(60) as u32,
            buffers: (256 + some(4_000), 16_384 + some(300_000)),
            disorder: some(500) as u32,
        }
    }
}
