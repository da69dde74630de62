//! The health table's entry for one server, and what the servers of one upstream share.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::checks::CheckState;
use crate::ejection::EjectionState;
use crate::limit::Limit;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::waiters::Waiters;
use crate::window::Window;

/// A change of a server's health, reported once, by the call that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Enough active checks passed in a row.
    Up,
    /// Enough active checks failed in a row (or the very first one).
    Down,
    /// Its answers were too bad; it gets no traffic until the given time.
    Ejected {
        /// End of the ejection, on the clock of `now`.
        until: Duration,
    },
    /// Its ejection is over.
    Returned,
}

/// How often a server's health changed since the process first knew it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransitionCounts {
    /// Times that checks brought it up.
    pub up: u64,
    /// Times that checks took it down.
    pub down: u64,
    /// Times it was ejected.
    pub ejected: u64,
    /// Ejections that were seen to end.
    pub returned: u64,
}

/// All that is known of one server's health. Outlives reloads; written by any thread, without locks.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) id: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) checks: CheckState,
    pub(crate) ejection: EjectionState,
    pub(crate) window: Window,
    /// Failures since the last success.
    pub(crate) failures: AtomicU32,
    pub(crate) counts: Counts,
    draining: AtomicU32,
    /// When checks last brought it up, in milliseconds; 0 = they never had to.
    up_since: AtomicU64,
    /// Apart from the rest, because every exchange writes it where a limit is set.
    pub(crate) limit: CachePadded<Limit>,
}

/// What all servers of an upstream share, over reloads too.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Changes whenever a server's availability may have changed, so that pickers look again.
    generation: CachePadded<AtomicU64>,
    /// Places for ejected servers.
    pub(crate) ejected: Limit,
    pub(crate) waiters: Waiters,
    /// Requests that wait for a server to have a place.
    pub(crate) queued: Limit,
}

#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
    pub(crate) ejected: AtomicU64,
    pub(crate) returned: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            generation: CachePadded::new(AtomicU64::new(0)),
            ejected: Limit::new(),
            waiters: Waiters::new(),
            queued: Limit::new(),
        }
    }
}

impl Shared {
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Tells the pickers to look again; called after the change.
    pub(crate) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl State {
    pub(crate) fn new(id: u64, shared: Arc<Shared>) -> Self {
        Self {
            id,
            shared,
            checks: CheckState::new(),
            ejection: EjectionState::new(),
            window: Window::new(),
            failures: AtomicU32::new(0),
            counts: Counts {
                up: AtomicU64::new(0),
                down: AtomicU64::new(0),
                ejected: AtomicU64::new(0),
                returned: AtomicU64::new(0),
            },
            draining: AtomicU32::new(0),
            up_since: AtomicU64::new(0),
            limit: CachePadded::new(Limit::new()),
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire) != 0
    }

    /// True if this call changed it.
    pub(crate) fn set_draining(&self, draining: bool) -> bool {
        let changed =
            self.draining.swap(u32::from(draining), Ordering::AcqRel) != u32::from(draining);
        if changed {
            self.shared.changed();
        }
        changed
    }

    pub(crate) fn came_up(&self, now: Duration) {
        self.failures.store(0, Ordering::Relaxed);
        self.window.clear();
        self.up_since
            .store((now.as_millis() as u64).max(1), Ordering::Release);
        self.counts.up.fetch_add(1, Ordering::Relaxed);
        self.shared.changed();
    }

    pub(crate) fn went_down(&self) {
        self.counts.down.fetch_add(1, Ordering::Relaxed);
        self.shared.changed();
    }

    /// When the server last came back, or will: from a failed check or an ejection; `None` if it was never away.
    pub(crate) fn recovered_at(&self) -> Option<Duration> {
        let up = Duration::from_millis(self.up_since.load(Ordering::Acquire));
        let at = up.max(self.ejection.read().until);
        (!at.is_zero()).then_some(at)
    }

    /// Counts successes: ends a run of failures and dilutes the failure rate.
    pub(crate) fn succeeded(&self, count: u64, window: Option<Duration>, now: Duration) {
        // Read first: in the good case no core writes this line, so all keep it in their caches.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if let Some(window) = window {
            self.window.add(count, 0, window, now);
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // A server that left the plan while ejected must not keep a place for ever.
        if self.ejection.read().held {
            self.shared.ejected.release();
        }
    }
}
