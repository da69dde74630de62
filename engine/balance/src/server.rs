//! One server of a group: what the plan says of it, and its entry in the health table.

use std::sync::Arc;
use std::time::Duration;

use ringfence_config::Endpoint;

use crate::health::{State, Transition, TransitionCounts};
use crate::sync::Ordering;
use crate::waiters::WorkerIx;

/// Names a server for the life of the process: kept over reloads, never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub u64);

/// One address that requests are sent to.
#[derive(Debug)]
pub struct Server {
    /// Unique in the process and stable over reloads.
    pub id: ServerId,
    /// What logs, metrics and headers call it: the plan's label, else the endpoint. A label whose name has several
    /// addresses is followed by the address.
    pub label: Arc<str>,
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// Share of the traffic relative to the other servers; at least 1.
    pub weight: u32,
    /// Used only while no other server is available.
    pub backup: bool,
    /// Whether the plan lets it have no new requests.
    pub drain: bool,
    /// Most exchanges in flight, over all workers; `None` = no limit.
    pub max_connections: Option<u32>,
    /// Checks in a row that bring it up, and that take it down; `None` = the plan has no checks.
    pub(crate) rise_fall: Option<(u32, u32)>,
    pub(crate) state: Arc<State>,
}

/// A place on a server, to be given back with [`Server::release`].
#[derive(Debug)]
#[must_use = "a place that is not released is lost to all workers"]
pub struct Permit {
    /// Whether the server had a limit when the place was taken: a reload may add or remove it.
    counted: bool,
}

impl Server {
    /// Counts a passed active check.
    pub fn check_passed(&self, now: Duration) -> Option<Transition> {
        let (rise, _) = self.rise_fall?;
        self.state.checks.passed(rise).then(|| {
            self.state.came_up(now);
            Transition::Up
        })
    }

    /// Counts a failed active check. Until the first check has passed, one failure takes the server down.
    pub fn check_failed(&self) -> Option<Transition> {
        let (_, fall) = self.rise_fall?;
        self.state.checks.failed(fall).then(|| {
            self.state.went_down();
            Transition::Down
        })
    }

    /// Whether active checks find it up. A server that was never checked is up, and one whose checks a reload removed.
    pub fn is_up(&self) -> bool {
        self.rise_fall.is_none() || self.state.checks.is_up()
    }

    /// Whether it takes no new clients, by the plan or by hand; those that are stuck to it stay.
    pub fn is_draining(&self) -> bool {
        self.drain || self.state.is_draining()
    }

    /// Starts or ends draining by hand: no requests but those of clients that are stuck to it. Survives a reload. True if it
    /// changed.
    pub fn set_draining(&self, draining: bool) -> bool {
        self.state.set_draining(draining)
    }

    /// The end of its ejection, if it is ejected at `now`.
    pub fn ejected_until(&self, now: Duration) -> Option<Duration> {
        let ejected = self.state.ejection.read();
        ejected.is_out(now).then_some(ejected.until)
    }

    /// Whether pickers choose it in ordinary times: up, not ejected, not draining (a full one is available).
    pub fn is_available(&self, now: Duration) -> bool {
        self.is_fit(now) && !self.is_draining()
    }

    /// Whether it is well: up and not ejected.
    pub(crate) fn is_fit(&self, now: Duration) -> bool {
        self.is_up() && self.ejected_until(now).is_none()
    }

    /// When it last came back, from a failed check or an ejection; `None` if it was never away or is away at `now`.
    pub(crate) fn recovered_at(&self, now: Duration) -> Option<Duration> {
        if !self.is_up() {
            return None;
        }
        self.state.recovered_at().filter(|at| *at <= now)
    }

    /// How often its health changed.
    pub fn transitions(&self) -> TransitionCounts {
        let counts = &self.state.counts;
        TransitionCounts {
            up: counts.up.load(Ordering::Relaxed),
            down: counts.down.load(Ordering::Relaxed),
            ejected: counts.ejected.load(Ordering::Relaxed),
            returned: counts.returned.load(Ordering::Relaxed),
        }
    }

    /// Takes a place for one exchange; `None` if `max_connections` are in flight over all workers.
    pub fn try_acquire(&self) -> Option<Permit> {
        match self.max_connections {
            None => Some(Permit { counted: false }),
            Some(max) => self
                .state
                .limit
                .try_acquire(max)
                .then_some(Permit { counted: true }),
        }
    }

    /// Gives a place back. The worker returned, if any, holds a request that waits for a place: the caller must wake it.
    #[must_use = "the worker must be woken"]
    pub fn release(&self, permit: Permit) -> Option<WorkerIx> {
        if !permit.counted {
            return None;
        }
        self.state.limit.release();
        self.state.shared.waiters.take()
    }

    /// Exchanges in flight, over all workers; counted only where `max_connections` is set.
    pub fn active(&self) -> u32 {
        self.state.limit.active()
    }

    /// Whether all its places are taken.
    pub fn is_full(&self) -> bool {
        self.max_connections.is_some_and(|max| self.active() >= max)
    }
}
