//! One core's driver: its ring, its buffers, its slots and its timers, and what follows from each
//! completion.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::Waker;

use super::buffers::Buffers;
use super::departure::Departure;
use super::ring::{Completion, Ring};
use super::slots::Slots;
use super::timers::Timers;
use super::token::{Key, Op};
use crate::clock::now;
use crate::lease::Lease;
use crate::spares::Spares;

/// Completions that are taken in one turn; others wait for the next.
const COMPLETIONS_AT_ONCE: usize = 512;

/// Buffers that a connection may have unread before it is read ahead no more.
const READ_AHEAD: usize = 4;

/// Connections that may wait to be taken before no more are accepted ahead.
const ACCEPT_AHEAD: usize = 64;

/// Empty departures that a core keeps.
const DEPARTURES_KEPT: usize = 256;

/// Turns in which a core that ends waits for the kernel to let go of everything.
const LAST_TURNS: usize = 100;

/// How large the parts of a core's driver are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Submission entries.
    pub(crate) entries: u32,
    /// Completion entries.
    pub(crate) completions: u32,
    /// Provided buffers, a power of two.
    pub(crate) buffers: u16,
}

impl Sizes {
    /// What suits a ring of that many submission entries.
    pub(crate) fn of(entries: u32) -> Self {
        Self {
            entries,
            // Every waiting connection may complete in the same turn; room for that spares the
            // kernel's slow overflow list.
            completions: entries.saturating_mul(4),
            // Thousands of connections may be active.
            buffers: 512,
        }
    }
}

thread_local! {
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
    /// The run that goes on on this thread; 0 for none. No two runs of a thread share a number.
    static RUN: Cell<u64> = const { Cell::new(0) };
    static RUNS: Cell<u64> = const { Cell::new(0) };
}

/// One core's driver.
pub(super) struct Core {
    pub(super) ring: Ring,
    pub(super) slots: Slots,
    pub(super) timers: Timers,
    buffers: Option<Buffers>,
    /// Provided buffers, and how many may lie unread with all connections together.
    most_unread: usize,
    /// How many do.
    pub(super) unread: usize,
    pub(super) woken: Vec<Waker>,
    /// Empty ones, for sends to come.
    pub(super) departures: Spares<Box<Departure>>,
    taken: Vec<Completion>,
    /// Counts turns after which the kernel had all that was asked for, as far as it fits.
    turns: u8,
}

/// The number of the run that goes on on this thread; 0 where none does.
pub(super) fn running() -> u64 {
    RUN.get()
}

/// Does something with this thread's core; nothing where that run is over.
pub(super) fn with<T>(run: u64, work: impl FnOnce(&mut Core) -> T) -> Option<T> {
    if run != RUN.get() {
        return None;
    }
    CORE.with_borrow_mut(|core| core.as_mut().map(work))
}

/// Sets a core up on this thread.
///
/// # Errors
/// What the kernel does not allow.
pub(super) fn begin(sizes: Sizes) -> io::Result<()> {
    let ring = Ring::new(sizes.entries, sizes.completions)?;
    let buffers = Some(Buffers::new(&ring, sizes.buffers)?);
    let core = Core {
        ring,
        slots: Slots::default(),
        timers: Timers::default(),
        buffers,
        most_unread: usize::from(sizes.buffers) * 2,
        unread: 0,
        woken: Vec::new(),
        departures: Spares::new(DEPARTURES_KEPT),
        taken: Vec::new(),
        turns: 0,
    };
    let run = RUNS.get() + 1;
    RUNS.set(run);
    CORE.set(Some(core));
    RUN.set(run);
    Ok(())
}

/// Takes this thread's core down, once the kernel has let go of all that it was given.
pub(super) fn end() {
    let core = CORE.take();
    RUN.set(0);
    if let Some(core) = core {
        core.retire();
    }
}

/// One turn of this thread's core: submits, waits for something to complete where `wait` says so,
/// and gives the tasks that go on.
///
/// # Errors
/// When the kernel refuses for good.
pub(super) fn turn(wait: bool, woken: &mut Vec<Waker>) -> io::Result<()> {
    CORE.with_borrow_mut(|core| {
        let core = core.as_mut().expect("a core runs");
        core.turn(wait)?;
        woken.append(&mut core.woken);
        Ok(())
    })
}

impl Core {
    /// Submits, waits if need be, and handles what has completed.
    fn turn(&mut self, wait: bool) -> io::Result<()> {
        let now = now();
        self.timers.fire(now, &mut self.woken);
        let wait = wait && self.woken.is_empty();
        if wait && let Some(at) = self.timers.arm() {
            self.ring.timer(at.saturating_sub(now));
        }
        if let Some(buffers) = &mut self.buffers {
            buffers.refill(self.most_unread.saturating_sub(self.unread));
        }
        self.ring.turn(wait)?;
        if self.ring.has_submitted() {
            self.turns = self.turns.wrapping_add(1);
        }
        self.take(COMPLETIONS_AT_ONCE);
        Ok(())
    }

    /// Handles all that has completed and waits to be taken. Costs no system call.
    pub(super) fn take_news(&mut self) {
        while self.ring.has_news() {
            self.take(COMPLETIONS_AT_ONCE);
        }
    }

    fn take(&mut self, most: usize) {
        let mut taken = std::mem::take(&mut self.taken);
        self.ring.take(most, &mut taken);
        for completion in taken.drain(..) {
            self.complete(completion);
        }
        self.taken = taken;
    }

    /// Makes what is with the kernel for a slot end, and waits for that.
    pub(super) fn settle(&mut self, key: Key) -> io::Result<()> {
        for _ in 0..LAST_TURNS {
            if !self.slots.owned(key).is_busy() {
                return Ok(());
            }
            self.cancel(key);
            self.turn(true)?;
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Makes what is with the kernel for a slot end.
    pub(super) fn cancel(&mut self, key: Key) {
        for op in self.slots.owned(key).operations() {
            self.ring.cancel(key, op);
        }
    }

    /// Its owner has gone: the descriptor is closed when the kernel has let go of it. Gives what
    /// is to be dropped by one who holds no borrow of the core.
    pub(super) fn leave(&mut self, key: Key, fd: OwnedFd) -> [Option<Waker>; 2] {
        self.cancel(key);
        let slot = self.slots.owned(key);
        let wakers = [slot.reader.take(), slot.writer.take()];
        self.unread -= slot.unread.len();
        slot.unread.clear();
        slot.accepted = None;
        self.slots.leave(key, fd);
        wakers
    }

    fn complete(&mut self, done: Completion) {
        match done.op {
            Op::Receive => return self.received(&done),
            Op::Accept => return self.accepted(done),
            Op::Send => return self.sent(&done),
            Op::Timer => return self.timers.disarm(),
            Op::Nothing => return,
            Op::Readable | Op::Writable => {}
        }
        let Some(slot) = self.slots.get(done.key) else {
            return;
        };
        if done.op == Op::Readable {
            slot.polling_in = false;
            slot.readable = true;
            self.woken.extend(slot.reader.take());
        } else {
            slot.polling_out = false;
            if slot.departure.is_some() && !slot.is_leaving() {
                return self.depart(done.key);
            }
            slot.writable = true;
            self.woken.extend(slot.writer.take());
        }
        self.slots.clear_out(done.key);
    }

    fn received(&mut self, done: &Completion) {
        let block = match (done.buffer, &mut self.buffers) {
            (Some(number), Some(buffers)) => Some(buffers.take(number)),
            _ => None,
        };
        let room = block.as_ref().map_or(0, |block| block.len());
        // Dropped, and so given back, where nothing was received or nobody is left to have it.
        let lease = block.map(|block| Lease::holding(block, done.result.max(0) as usize));
        let Some(slot) = self.slots.get(done.key) else {
            return;
        };
        slot.receiving = done.more;
        if slot.is_leaving() {
            return self.slots.clear_out(done.key);
        }
        match (done.result, lease) {
            (1.., Some(lease)) => {
                if lease.len() == room {
                    slot.found_bulk();
                }
                slot.unread.push(lease);
                self.unread += 1;
            }
            (result, _) => slot.end_receiving(result),
        }
        let ahead = slot.unread.len() >= READ_AHEAD && slot.receiving;
        if ahead && !std::mem::replace(&mut slot.cancelled, true) {
            self.ring.cancel(done.key, Op::Receive);
        }
        self.woken.extend(slot.reader.take());
    }

    fn accepted(&mut self, done: Completion) {
        let Some(slot) = self.slots.get(done.key) else {
            return;
        };
        slot.accepting = done.more;
        if slot.is_leaving() {
            return self.slots.clear_out(done.key);
        }
        let waiting = slot.accept(done.socket);
        slot.end_accepting(done.result);
        let ahead = waiting >= ACCEPT_AHEAD && slot.accepting;
        if ahead && !std::mem::replace(&mut slot.cancelled, true) {
            self.ring.cancel(done.key, Op::Accept);
        }
        self.woken.extend(slot.reader.take());
    }

    /// Begins to receive ahead.
    pub(super) fn receive(&mut self, key: Key, fd: &OwnedFd) {
        let slot = self.slots.owned(key);
        slot.receiving = true;
        slot.cancelled = false;
        slot.asked = self.turns;
        self.ring.receive(fd.as_raw_fd(), key);
    }

    /// Begins to receive datagrams ahead.
    pub(super) fn receive_datagrams(&mut self, key: Key, fd: RawFd) {
        let slot = self.slots.owned(key);
        slot.receiving = true;
        slot.cancelled = false;
        self.ring.receive_datagrams(fd, key);
    }

    /// Begins to accept ahead.
    pub(super) fn accept(&mut self, key: Key, fd: &OwnedFd) {
        let slot = self.slots.owned(key);
        slot.accepting = true;
        slot.cancelled = false;
        self.ring.accept(fd.as_raw_fd(), key);
    }

    /// Whether the kernel was asked to tell what comes for a slot and has had a turn to do so, and nothing that it tells
    /// is held up.
    pub(super) fn has_asked(&mut self, key: Key) -> bool {
        let slot = self.slots.owned(key);
        let asked = (slot.receiving || slot.polling_in) && slot.asked != self.turns;
        asked && !self.ring.has_overflown()
    }

    /// Asks to be told of readiness to read.
    pub(super) fn poll_in(&mut self, key: Key, fd: RawFd) {
        let slot = self.slots.owned(key);
        slot.polling_in = true;
        slot.asked = self.turns;
        self.ring.poll_in(fd, key);
    }

    /// Asks to be told of readiness to write.
    pub(super) fn poll_out(&mut self, key: Key, fd: RawFd) {
        self.slots.owned(key).polling_out = true;
        self.ring.poll_out(fd, key);
    }

    /// Ends what is with the kernel, so that no descriptor of a connection stays open and the
    /// kernel writes to no memory of ours.
    fn retire(mut self) {
        for _ in 0..LAST_TURNS {
            let busy = self.slots.busy();
            if busy.is_empty() {
                break;
            }
            for key in busy {
                self.cancel(key);
            }
            // A ring that fails for good has let go of everything or will when it is closed.
            if self.turn(true).is_err() {
                break;
            }
        }
        if let Some(buffers) = self.buffers.take() {
            buffers.retire(&self.ring);
        }
        if !self.slots.busy().is_empty() {
            // The kernel may still read what they send.
            std::mem::forget(self.slots);
        }
    }
}
