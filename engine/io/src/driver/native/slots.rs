//! What the driver keeps for each descriptor: what is with the kernel, what has come of it, and
//! who waits.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::task::Waker;

use rustix::io::Errno;

use super::departure::Departure;
use super::token::{Key, Op};
use super::unread::Unread;
use crate::counters;

/// Receives that read for themselves after one that found bulk.
const BULK_MEMORY: u8 = 8;

/// How receiving has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The peer sends no more.
    Finished,
    /// With this error number.
    Failed(i32),
}

/// One descriptor's state.
#[derive(Default)]
pub(super) struct Slot {
    generation: u32,
    /// Whether anybody owns it.
    taken: bool,
    /// Operations that are with the kernel.
    pub(super) receiving: bool,
    pub(super) accepting: bool,
    pub(super) polling_in: bool,
    pub(super) polling_out: bool,
    pub(super) sending: bool,
    /// The receive, or the accept, was told to end.
    pub(super) cancelled: bool,
    /// A wait has ended with nobody there to see it.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The turn in which the kernel was last asked to receive or to tell of readiness, as far as it fits.
    pub(super) asked: u8,
    /// Receives to come that should read for themselves rather than be read for: bulk is flowing.
    pub(super) bulk: u8,
    /// Bytes that have come and were not asked for yet.
    pub(super) unread: Unread,
    /// Connections that have come; for listeners, which are few.
    #[allow(clippy::box_collection, reason = "every connection has a slot")]
    pub(super) accepted: Option<Box<VecDeque<OwnedFd>>>,
    /// Accepting ahead has failed: wait for a connection before it is tried again.
    pub(super) accept_later: bool,
    pub(super) end: Option<End>,
    /// A send that has not ended.
    pub(super) departure: Option<Box<Departure>>,
    /// Why a send has ended early.
    pub(super) send_failed: Option<Errno>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// The descriptor of an owner that has gone, to be closed once the kernel lets go of it.
    leaving: Option<OwnedFd>,
}

impl Slot {
    /// Whether something is with the kernel.
    pub(super) fn is_busy(&self) -> bool {
        self.receiving || self.accepting || self.polling_in || self.polling_out || self.sending
    }

    /// Whether its owner has gone.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Much comes at once: for a while receives read for themselves, into larger buffers.
    pub(super) fn found_bulk(&mut self) {
        self.bulk = BULK_MEMORY;
    }

    /// Receiving ahead has ended, with this result and no bytes.
    pub(super) fn end_receiving(&mut self, result: i32) {
        if result >= 0 {
            self.end = Some(End::Finished);
            return;
        }
        match Errno::from_raw_os_error(-result) {
            // No provided buffer was left: bytes are there, and the next receive reads for itself.
            Errno::NOBUFS => {
                counters::up(|c| &c.starved);
                self.readable = true;
                self.bulk = self.bulk.max(1);
            }
            // We ended it, or it may go on.
            Errno::CANCELED | Errno::AGAIN | Errno::INTR => {}
            errno => self.end = Some(End::Failed(errno.raw_os_error())),
        }
    }

    /// Keeps a connection that has come; gives how many wait.
    pub(super) fn accept(&mut self, socket: Option<OwnedFd>) -> usize {
        let accepted = self.accepted.get_or_insert_default();
        accepted.extend(socket);
        accepted.len()
    }

    /// Whether a connection waits.
    pub(super) fn has_accepted(&self) -> bool {
        self.accepted.as_ref().is_some_and(|some| !some.is_empty())
    }

    /// The connection that has waited longest.
    pub(super) fn next_accepted(&mut self) -> Option<OwnedFd> {
        self.accepted.as_mut()?.pop_front()
    }

    /// Accepting ahead has ended, with this result.
    pub(super) fn end_accepting(&mut self, result: i32) {
        if result < 0 && result != -Errno::CANCELED.raw_os_error() {
            self.end = Some(End::Failed(-result));
            self.accept_later = true;
        }
    }

    /// The operations that are with the kernel.
    pub(super) fn operations(&self) -> impl Iterator<Item = Op> + use<> {
        [
            self.receiving.then_some(Op::Receive),
            self.accepting.then_some(Op::Accept),
            self.polling_in.then_some(Op::Readable),
            self.polling_out.then_some(Op::Writable),
            self.sending.then_some(Op::Send),
        ]
        .into_iter()
        .flatten()
    }
}

/// All slots of a core.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// A slot for a new owner.
    pub(super) fn allot(&mut self) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        debug_assert!(!slot.taken && !slot.is_busy(), "a free slot is at rest");
        slot.taken = true;
        Key {
            index,
            generation: slot.generation,
        }
    }

    /// The slot, unless that owner has gone for good.
    pub(super) fn get(&mut self, key: Key) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(key.index as usize)?;
        (slot.taken && slot.generation == key.generation).then_some(slot)
    }

    /// The slot of an owner who has not gone.
    pub(super) fn owned(&mut self, key: Key) -> &mut Slot {
        self.get(key).expect("an owner has a slot")
    }

    /// Marks the owner as gone; the descriptor is closed once nothing is with the kernel.
    pub(super) fn leave(&mut self, key: Key, fd: OwnedFd) {
        self.owned(key).leaving = Some(fd);
        self.clear_out(key);
    }

    /// Frees the slot of an owner who has gone, if nothing is with the kernel any more.
    pub(super) fn clear_out(&mut self, key: Key) {
        if self
            .get(key)
            .is_some_and(|slot| slot.is_leaving() && !slot.is_busy())
        {
            self.free(key);
        }
    }

    /// Frees a slot at rest. Whatever it still holds is dropped.
    pub(super) fn free(&mut self, key: Key) {
        let slot = self.owned(key);
        assert!(!slot.is_busy(), "a slot is freed at rest");
        *slot = Slot {
            generation: Key::next_generation(key.generation),
            ..Slot::default()
        };
        self.free.push(key.index);
    }

    /// Slots that have an owner, or are waited for.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.slots.iter().filter(|slot| slot.taken).count()
    }

    /// The owners whose operations are still with the kernel.
    pub(super) fn busy(&self) -> Vec<Key> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, slot)| slot.taken && slot.is_busy())
            .map(|(index, slot)| Key {
                index: index as u32,
                generation: slot.generation,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_costs_two_cache_lines() {
        assert!(size_of::<Slot>() <= 128, "{}", size_of::<Slot>());
    }

    #[test]
    fn a_slot_is_not_given_on_while_the_kernel_has_something_of_it() {
        let mut slots = Slots::default();
        let first = slots.allot();
        slots.owned(first).receiving = true;
        let (fd, _other) = std::io::pipe().map(|(a, b)| (OwnedFd::from(a), b)).unwrap();
        slots.leave(first, fd);
        assert_ne!(slots.allot().index, first.index);
        slots.get(first).unwrap().receiving = false;
        slots.clear_out(first);
        assert!(slots.get(first).is_none());
        let next = slots.allot();
        assert_eq!(next.index, first.index);
        assert_ne!(next.generation, first.generation);
        assert!(
            slots.get(first).is_none(),
            "what comes for the first owner does not reach the next"
        );
    }
}
