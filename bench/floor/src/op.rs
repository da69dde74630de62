//! What is asked of the kernel, and what it answers.

use crate::buffers::Piece;

/// What was asked of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Accepting; the result is a slot.
    Accept,
    /// Receiving; the result is a length.
    Receive,
    /// Sending; the result is a length.
    Send,
    /// Making a socket for the slot of the token; the result is its own slot.
    Socket,
    /// Connecting.
    Connect,
    /// Anything whose end is of no interest.
    Other,
}

/// Which operation of which connection. A slot is closed when nothing is under way on it, so that no completion can come
/// after its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) op: Op,
    pub(crate) slot: u32,
}

/// The end, or with `more` a step, of an operation.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) token: Token,
    /// What the system call would return: a negative error number, or what [`Op`] says.
    pub(crate) result: i32,
    /// What was received: at least one byte.
    pub(crate) piece: Option<Piece>,
    /// Whether the operation goes on.
    pub(crate) more: bool,
}

impl Token {
    /// In the form in which the kernel carries it.
    pub(crate) fn write(self) -> u64 {
        u64::from(self.slot) | (self.op as u64) << 32
    }

    /// Back from that form.
    pub(crate) fn read(data: u64) -> Self {
        let op = match data >> 32 {
            0 => Op::Accept,
            1 => Op::Receive,
            2 => Op::Send,
            3 => Op::Socket,
            4 => Op::Connect,
            _ => Op::Other,
        };
        Self {
            op,
            slot: data as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_way_through_the_kernel() {
        for op in [
            Op::Accept,
            Op::Receive,
            Op::Send,
            Op::Socket,
            Op::Connect,
            Op::Other,
        ] {
            let token = Token {
                op,
                slot: 0xFFFF_0001,
            };
            assert_eq!(Token::read(token.write()), token);
        }
    }
}
