//! One upstream at run time: its servers, their shared health, and what is computed once for all workers.

use std::sync::Arc;
use std::time::Duration;

use ringfence_config::{Balance, Ejection, Upstream};

use crate::hash::hash_key;
use crate::health::{Shared, Transition};
use crate::maglev::{Maglev, Seat};
use crate::server::Server;
use crate::sticky::{StickyMap, StickySecret};
use crate::sync::Ordering;
use crate::waiters::WorkerIx;

/// The servers of one upstream. Immutable, but for the health behind it; replaced whole by a reload or a resolution.
#[derive(Debug)]
pub struct Group {
    /// The upstream's name.
    pub name: String,
    /// What the plan says of it.
    pub upstream: Upstream,
    /// Its servers; may be empty while no name is resolved. Pickers answer with an index into this.
    pub servers: Vec<Arc<Server>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tables: [Option<Maglev>; 2],
    pub(crate) sticky: Option<StickyMap>,
    /// What consistent hashing knows each server by: the same in every process, whatever its place in the file.
    pub(crate) identities: Vec<u64>,
    /// Most servers that may be ejected at once.
    ejectable: u32,
}

impl Group {
    pub(crate) fn new(
        upstream: &Upstream,
        servers: Vec<Arc<Server>>,
        shared: Arc<Shared>,
        sticky: Option<StickySecret>,
    ) -> Self {
        let hashed = matches!(upstream.balance, Balance::IpHash | Balance::ConsistentHash);
        let identity = |server: &Arc<Server>| hash_key(server.endpoint.to_string().as_bytes());
        let identities: Vec<u64> = servers.iter().map(identity).collect();
        let table = |backup| {
            if hashed {
                table(&servers, &identities, backup)
            } else {
                None
            }
        };
        Self {
            name: upstream.name.clone(),
            ejectable: ejectable(upstream.ejection.max_share, servers.len()),
            tables: [table(false), table(true)],
            identities,
            sticky: sticky.map(|key| {
                StickyMap::new(
                    &key,
                    &upstream.name,
                    servers.iter().map(|server| &server.endpoint),
                )
            }),
            upstream: upstream.clone(),
            shared,
            servers,
        }
    }

    /// The value of the sticky cookie for a server; `None` if the upstream is not sticky.
    pub fn sticky_value(&self, ix: usize) -> Option<&str> {
        self.sticky.as_ref()?.value(ix)
    }

    /// Whether the server's last answer was a failure, as far as is known here.
    pub(crate) fn is_failing(&self, ix: usize) -> bool {
        self.servers[ix].state.failures.load(Ordering::Relaxed) != 0
    }

    /// Counts `count` exchanges with good answers.
    pub(crate) fn record_successes(&self, ix: usize, count: u64, now: Duration) {
        let ejection = &self.upstream.ejection;
        self.servers[ix].state.succeeded(
            count,
            ejection.failure_rate.map(|_| ejection.window),
            now,
        );
    }

    /// Counts an exchange without a good answer, after `successes` that only the caller has counted so far; it may eject
    /// the server.
    pub(crate) fn record_failure(
        &self,
        ix: usize,
        successes: u64,
        now: Duration,
    ) -> Option<Transition> {
        let ejection = &self.upstream.ejection;
        let state = &self.servers[ix].state;
        // What was under way when the server was ejected is not held against it after its return. One that is down
        // must not take the place of another among the ejected.
        if state.ejection.read().is_out(now) || !self.servers[ix].is_up() {
            return None;
        }
        let in_a_row = state
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let mut guilty = ejection
            .consecutive_failures
            .is_some_and(|most| in_a_row >= most);
        if let Some(rate) = ejection.failure_rate {
            state.window.add(successes + 1, 1, ejection.window, now);
            let tally = state.window.tally(ejection.window, now);
            guilty |= tally.total >= u64::from(ejection.min_requests)
                && tally.failed as f64 >= tally.total as f64 * rate;
        }
        if guilty {
            self.eject(ix, ejection, now)
        } else {
            None
        }
    }

    /// Ends a server's ejection before its time: it has just answered well.
    pub(crate) fn readmit(&self, ix: usize, now: Duration) {
        let state = &self.servers[ix].state;
        if state.ejection.end(now) {
            state.failures.store(0, Ordering::Relaxed);
            state.window.clear();
            self.shared.changed();
        }
    }

    /// Reports ejections that are over. To be called about once a second; pickers use a server again at the very end
    /// of its ejection, whether or not this has run.
    pub fn sweep(&self, now: Duration, mut report: impl FnMut(usize, Transition)) {
        for (ix, server) in self.servers.iter().enumerate() {
            if let Some(ended) = server.state.ejection.report_return(now) {
                if ended.held {
                    self.shared.ejected.release();
                }
                server.state.counts.returned.fetch_add(1, Ordering::Relaxed);
                report(ix, Transition::Returned);
            }
        }
    }

    /// Takes a place in the upstream's queue; false where it is full. To be given back with [`Group::leave_queue`].
    pub fn enter_queue(&self) -> bool {
        self.shared.queued.try_acquire(self.upstream.queue.size)
    }

    /// Gives a place in the queue back.
    pub fn leave_queue(&self) {
        self.shared.queued.release();
    }

    /// Says that `worker` holds requests that wait for a place.
    ///
    /// To lose no wake-up: call this first, then pick and acquire once more, and only then sleep. When woken, do the
    /// same again; a worker that needs no place any more calls [`Group::stop_waiting`].
    pub fn wait(&self, worker: WorkerIx) {
        self.shared.waiters.add(worker);
    }

    /// Says that `worker` waits no more. Some other worker must be woken with the wake-up that was meant for it, if
    /// one was already on its way.
    #[must_use = "the worker must be woken"]
    pub fn stop_waiting(&self, worker: WorkerIx) -> Option<WorkerIx> {
        if self.shared.waiters.remove(worker) {
            None
        } else {
            self.shared.waiters.take()
        }
    }

    /// Takes a server out for a while, if the share allows it and no other thread was faster.
    fn eject(&self, ix: usize, ejection: &Ejection, now: Duration) -> Option<Transition> {
        let state = &self.servers[ix].state;
        loop {
            let seen = state.ejection.read();
            if seen.is_out(now) || !(seen.held || self.take_place(now)) {
                return None;
            }
            if let Some(until) =
                state
                    .ejection
                    .start(seen, ejection.base_time, ejection.max_time, now)
            {
                state.failures.store(0, Ordering::Relaxed);
                state.window.clear();
                state.counts.ejected.fetch_add(1, Ordering::Relaxed);
                self.shared.changed();
                return Some(Transition::Ejected { until });
            }
            if !seen.held {
                self.shared.ejected.release();
            }
        }
    }

    /// Takes one of the places for ejected servers, after clearing those whose time is over if need be.
    fn take_place(&self, now: Duration) -> bool {
        if self.shared.ejected.try_acquire(self.ejectable) {
            return true;
        }
        for server in &self.servers {
            if server.state.ejection.give_up_place(now) {
                self.shared.ejected.release();
            }
        }
        self.shared.ejected.try_acquire(self.ejectable)
    }
}

/// The share of `servers`, rounded down; but one of several may always go, or small groups had no ejection.
fn ejectable(share: f64, servers: usize) -> u32 {
    let most = (share * servers as f64) as u32;
    if servers > 1 { most.max(1) } else { most }
}

fn table(servers: &[Arc<Server>], identities: &[u64], backup: bool) -> Option<Maglev> {
    let seat = |(ix, (server, identity)): (usize, (&Arc<Server>, &u64))| {
        (server.backup == backup).then_some(Seat {
            ix: ix as u32,
            identity: *identity,
            weight: server.weight,
        })
    };
    let seats: Vec<Seat> = servers
        .iter()
        .zip(identities)
        .enumerate()
        .filter_map(seat)
        .collect();
    Maglev::new(&seats)
}
