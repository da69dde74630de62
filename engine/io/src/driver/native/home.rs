//! Where a core can be reached from other threads.
//!
//! By an eventfd: MSG_RING spares a core that wakes another half a microsecond, no request does that,
//! and threads without a ring would need the eventfd all the same.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use rustix::event::{EventfdFlags, eventfd};

/// Tasks of a core that other threads have woken.
pub(super) struct Home {
    calls: SegQueue<usize>,
    /// There are calls that the core was told of and has not seen.
    called: AtomicBool,
    eventfd: OwnedFd,
}

impl Home {
    /// # Errors
    /// When no descriptor is left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            calls: SegQueue::new(),
            called: AtomicBool::new(false),
            eventfd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// A descriptor that becomes readable when there are calls.
    pub(super) fn watched(&self) -> io::Result<OwnedFd> {
        self.eventfd.try_clone()
    }

    /// Makes the core run a task, from another thread.
    pub(super) fn call(&self, key: usize) {
        self.calls.push(key);
        if !self.called.swap(true, Ordering::SeqCst) {
            // A write of 1 fails only when the counter is full, and then the core is being told.
            let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
        }
    }

    /// The core has noticed that there are calls.
    pub(super) fn heard(&self) {
        let _ = rustix::io::read(self.eventfd.as_fd(), &mut [0; 8]);
        // A swap: it must see the calls before those that it swallows.
        self.called.swap(false, Ordering::SeqCst);
    }

    /// Whether there are calls, for the core itself.
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The next task that was called, for the core itself.
    pub(super) fn next_call(&self) -> Option<usize> {
        self.calls.pop()
    }
}
