//! Connections by the slot that the kernel gave them.

use std::collections::VecDeque;

use crate::buffers::Piece;
use crate::message::Messages;

/// Which side of the relay a connection is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nobody has the slot.
    None,
    /// A client's.
    Client,
    /// One to a server.
    Server,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) side: Side,
    /// Which owner of the slot this is.
    pub(crate) generation: u16,
    /// The other side of the exchange under way.
    pub(crate) peer: Option<u32>,
    /// Where the messages that it sends us end.
    pub(crate) messages: Messages,
    /// What waits to be sent on it; on a client without a server yet, what waits for that.
    pub(crate) queue: VecDeque<Piece>,
    /// Whether it is not connected yet; on a client, whether a server's socket was asked for.
    pub(crate) connecting: bool,
    /// Whether a receive is under way.
    pub(crate) receiving: bool,
    /// Whether a send is under way.
    pub(crate) sending: bool,
    /// Whether it is to be closed when nothing is under way.
    pub(crate) closing: bool,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            side: Side::None,
            generation: 0,
            peer: None,
            messages: Messages::default(),
            queue: VecDeque::new(),
            connecting: false,
            receiving: false,
            sending: false,
            closing: false,
        }
    }

    /// Gives it to a new owner.
    pub(crate) fn open(&mut self, side: Side) {
        self.side = side;
        self.generation = self.generation.wrapping_add(1);
        self.peer = None;
        self.messages.clear();
        self.connecting = false;
        self.receiving = false;
        self.sending = false;
        self.closing = false;
    }

    /// Whether no operation is under way, so that it can be closed.
    pub(crate) const fn is_quiet(&self) -> bool {
        !self.receiving && !self.sending && !self.connecting
    }
}

/// The slot of that number, made if there was none.
pub(crate) fn at(slots: &mut Vec<Slot>, number: u32) -> &mut Slot {
    let number = number as usize;
    if number >= slots.len() {
        slots.resize_with(number + 1, Slot::new);
    }
    &mut slots[number]
}
