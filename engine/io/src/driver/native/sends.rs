//! How a core sends what it was handed.

use std::os::fd::{AsRawFd, OwnedFd};

use super::core::Core;
use super::departure::{Departure, Progress};
use super::ring::Completion;
use super::token::Key;
use crate::outgoing::Outgoing;

impl Core {
    /// Takes a send over. The slot has none under way.
    pub(super) fn send(&mut self, key: Key, fd: &OwnedFd, out: Outgoing) {
        let mut departure = self.departures.take().unwrap_or_else(Departure::empty);
        departure.load(fd.as_raw_fd(), out);
        let slot = self.slots.owned(key);
        assert!(slot.departure.is_none(), "one send after another");
        slot.departure = Some(departure);
        self.depart(key);
    }

    /// Asks the kernel to send what is left.
    pub(super) fn depart(&mut self, key: Key) {
        let slot = self.slots.owned(key);
        let Some(departure) = &mut slot.departure else {
            return;
        };
        slot.sending = true;
        // SAFETY: the departure leaves the slot only in `sent`, when the operation has completed; a
        // slot is not freed while it is busy, and where the kernel never lets go of it, leaked.
        unsafe { self.ring.send(departure, key) }
    }

    /// A send has completed.
    pub(super) fn sent(&mut self, done: &Completion) {
        let Some(slot) = self.slots.get(done.key) else {
            return;
        };
        slot.sending = false;
        let Some(mut departure) = slot.departure.take() else {
            return;
        };
        match departure.completed(done.result) {
            Progress::Part if !slot.is_leaving() => {
                slot.departure = Some(departure);
                return self.depart(done.key);
            }
            Progress::Full if !slot.is_leaving() => {
                let fd = departure.fd();
                slot.departure = Some(departure);
                return self.poll_out(done.key, fd);
            }
            Progress::Failed(errno) => slot.send_failed = Some(errno),
            _ => {}
        }
        self.woken.extend(slot.writer.take());
        departure.unload();
        self.departures.give(departure);
        self.slots.clear_out(done.key);
    }
}
