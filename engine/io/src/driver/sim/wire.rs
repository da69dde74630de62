//! What is under way between the two ends of a connection.

use std::collections::VecDeque;

/// One end of a connection: the one that connects, or the one that accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that connects.
    Near,
    /// The one that accepts.
    Far,
}

impl Side {
    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// Something on its way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flight {
    /// The wish to be connected, on its way to a listener.
    Knock(usize),
    /// The answer that the connection stands.
    Welcome(usize),
    /// The answer that nobody listens.
    Refusal(usize),
    /// So many bytes of what this side has sent.
    Bytes(usize, Side, u64),
    /// The end of what this side sends.
    End(usize, Side),
    /// This side's notice that there is no connection any more.
    Reset(usize, Side),
    /// The notice to this side that some of what it sent has been taken.
    Taken(usize, Side),
    /// The network cuts a connection off, for both.
    Cut(usize),
    /// A bell has been rung.
    Ring(usize),
}

impl Flight {
    /// A number for the trace.
    pub(super) fn mark(self) -> u64 {
        let of = |kind: u64, which: usize, side: Side| {
            kind << 56 | (which as u64) << 8 | u64::from(side == Side::Far)
        };
        match self {
            Self::Knock(conn) => of(1, conn, Side::Near),
            Self::Welcome(conn) => of(2, conn, Side::Near),
            Self::Refusal(conn) => of(3, conn, Side::Near),
            Self::Bytes(conn, side, n) => of(4, conn, side) ^ n << 32,
            Self::End(conn, side) => of(5, conn, side),
            Self::Reset(conn, side) => of(6, conn, side),
            Self::Taken(conn, side) => of(7, conn, side),
            Self::Cut(conn) => of(8, conn, Side::Near),
            Self::Ring(chime) => of(9, chime, Side::Near),
        }
    }
}

/// The bytes from one side to the other, from the send that takes them to the receive that gives
/// them.
#[derive(Default)]
pub(super) struct Pipe {
    /// Sent and not received.
    bytes: VecDeque<u8>,
    /// Of these, how many the network has brought.
    due: u64,
    /// Most that the receiving side holds, and the sending one.
    receiver_holds: u64,
    sender_holds: u64,
    /// The sending side has ended.
    pub(super) ended: bool,
    /// The other side knows.
    pub(super) end_due: bool,
    /// What is sent next arrives no sooner.
    pub(super) last: u64,
}

impl Pipe {
    /// A pipe whose ends hold that many bytes.
    pub(super) fn new(sender_holds: u64, receiver_holds: u64) -> Self {
        Self {
            sender_holds,
            receiver_holds,
            ..Self::default()
        }
    }

    /// Bytes that are there to be received.
    pub(super) fn there(&self) -> u64 {
        self.due.min(self.receiver_holds)
    }

    /// Bytes that the sending side holds.
    pub(super) fn held(&self) -> u64 {
        self.bytes.len() as u64 - self.there()
    }

    /// Bytes that a send would be taken.
    pub(super) fn room(&self) -> u64 {
        self.sender_holds.saturating_sub(self.held())
    }

    /// A good part of the sending side's buffer is free.
    pub(super) fn is_roomy(&self) -> bool {
        self.room() > 0 && self.held() * 3 <= self.sender_holds * 2
    }

    /// All has been received, and no more will come.
    pub(super) fn is_finished(&self) -> bool {
        self.end_due && self.bytes.is_empty()
    }

    /// Takes bytes of a send.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The network has brought so many more.
    pub(super) fn bring(&mut self, n: u64) {
        self.due = (self.due + n).min(self.bytes.len() as u64);
    }

    /// Gives bytes to a receive.
    pub(super) fn take(&mut self, into: &mut [u8]) {
        let n = into.len();
        let (first, second) = self.bytes.as_slices();
        let split = first.len().min(n);
        into[..split].copy_from_slice(&first[..split]);
        into[split..].copy_from_slice(&second[..n - split]);
        self.bytes.drain(..n);
        self.due -= n as u64;
    }

    /// What has not arrived is lost, or with `all` everything is.
    pub(super) fn lose(&mut self, all: bool) {
        if all {
            // Its memory too: the world keeps a connection for as long as it lasts.
            (self.due, self.bytes) = (0, VecDeque::new());
        }
        self.bytes.truncate(self.due as usize);
    }
}
