//! What a completion belongs to: which operation, of which owner of a slot.

/// Bits of a generation that fit into a token.
const GENERATION_BITS: u32 = 24;

/// What the kernel was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Receive again and again into provided buffers.
    Receive,
    /// Accept again and again.
    Accept,
    /// Tell when a read is worth trying.
    Readable,
    /// Tell when a write is worth trying.
    Writable,
    /// Send.
    Send,
    /// Wake the core at a moment.
    Timer,
    /// Something whose end tells nothing.
    Nothing,
}

/// A slot, and which of its owners: a completion for an earlier one finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Key {
    /// For what belongs to no slot.
    pub(super) const NONE: Self = Self {
        index: u32::MAX,
        generation: 0,
    };

    /// The generation that follows, within what a token can carry.
    pub(super) fn next_generation(generation: u32) -> u32 {
        (generation + 1) & ((1 << GENERATION_BITS) - 1)
    }

    /// The number that the kernel carries for an operation of this owner.
    pub(super) fn token(self, op: Op) -> u64 {
        u64::from(self.index) | u64::from(self.generation) << 32 | (op as u64) << 56
    }

    /// Back from that number.
    pub(super) fn read(token: u64) -> (Self, Op) {
        let op = match token >> 56 {
            0 => Op::Receive,
            1 => Op::Accept,
            2 => Op::Readable,
            3 => Op::Writable,
            4 => Op::Send,
            5 => Op::Timer,
            _ => Op::Nothing,
        };
        let key = Self {
            index: token as u32,
            generation: (token >> 32) as u32 & ((1 << GENERATION_BITS) - 1),
        };
        (key, op)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_way_through_the_kernel() {
        let key = Key {
            index: 0xFFFF_0001,
            generation: (1 << GENERATION_BITS) - 1,
        };
        for op in [
            Op::Receive,
            Op::Accept,
            Op::Readable,
            Op::Writable,
            Op::Send,
            Op::Timer,
            Op::Nothing,
        ] {
            assert_eq!(Key::read(key.token(op)), (key, op));
        }
        assert_eq!(Key::next_generation(key.generation), 0);
    }
}
