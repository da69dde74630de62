//! Active checks: one task for each server that has one, and the notices of what they and the ejections change.

mod probe;
mod sweep;

pub(crate) use sweep::sweep;

use crate::{notice::notice, random::Random, task::Task, trouble::Trouble};
use probe::probe;
use ringfence_balance::{Roster, Server, ServerId, Transition};
use ringfence_config::Check;
use ringfence_telemetry::ControlStats;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

/// The active checks of the roster in force.
pub(crate) struct Checks {
    running: HashMap<ServerId, (Watched, Task)>,
    shared: Arc<Common>,
}

/// What all check tasks share.
struct Common {
    places: Semaphore,
    stats: Arc<ControlStats>,
    clock: fn() -> Duration,
    /// The last check that could be made is earlier than one that could not.
    is_short: AtomicBool,
}

/// A server, and how it is checked.
#[derive(Clone)]
struct Watched {
    upstream: String,
    server: Arc<Server>,
    check: Check,
}

impl Watched {
    /// Whether the two are checked and named alike. A server's state is the same in every roster that has it.
    fn is_like(&self, other: &Self) -> bool {
        self.check == other.check
            && self.upstream == other.upstream
            && self.server.label == other.server.label
    }
}

impl Checks {
    /// None yet; `most` will be under way at once. (With 512, each of 1,000 servers that all hang for their time-out of
    /// a second still has its turn every two seconds.)
    pub(crate) fn new(stats: Arc<ControlStats>, clock: fn() -> Duration, most: usize) -> Self {
        Self {
            running: HashMap::new(),
            shared: Arc::new(Common {
                places: Semaphore::new(most),
                stats,
                clock,
                is_short: AtomicBool::new(false),
            }),
        }
    }

    /// Checks the servers of this roster from now on. New ones, and those whose check changed, are checked at once;
    /// the others go on in their rhythm.
    pub(crate) fn adopt(&mut self, roster: &Roster) {
        let mut earlier = std::mem::take(&mut self.running);
        for group in &roster.groups {
            let Some(check) = &group.upstream.check else {
                continue;
            };
            for server in &group.servers {
                let watched = Watched {
                    upstream: group.name.clone(),
                    server: server.clone(),
                    check: check.clone(),
                };
                let kept = earlier
                    .remove(&server.id)
                    .filter(|(before, _)| before.is_like(&watched));
                let entry = kept.unwrap_or_else(|| {
                    let task = Task::spawn(watch(watched.clone(), self.shared.clone()));
                    (watched, task)
                });
                self.running.insert(server.id, entry);
            }
        }
    }
}

/// Checks one server for ever.
async fn watch(watched: Watched, common: Arc<Common>) {
    let mut random = Random(watched.server.id.0 ^ (common.clock)().as_nanos() as u64);
    loop {
        let begun = Instant::now();
        if let Ok(_place) = common.places.acquire().await {
            let outcome = probe(&watched.server.endpoint, &watched.check).await;
            record(&watched, outcome, &common);
        }
        let check = &watched.check;
        sleep_until(begun + random.about(check.interval, check.jitter)).await;
    }
}

fn record(watched: &Watched, outcome: Result<(), Trouble>, common: &Common) {
    let Watched {
        upstream, server, ..
    } = watched;
    let label = &server.label;
    match outcome {
        Ok(()) => {
            common.stats.checks_passed.inc();
            common.is_short.store(false, Ordering::Relaxed);
            if let Some(Transition::Up) = server.check_passed((common.clock)()) {
                common.stats.check_transitions.inc();
                notice(format_args!("upstream {upstream}: server {label} is up"));
            }
        }
        Err(why) if why.is_ours => {
            if !common.is_short.swap(true, Ordering::Relaxed) {
                notice(format_args!("servers can't be checked: {why}"));
            }
        }
        Err(why) => {
            common.stats.checks_failed.inc();
            if let Some(Transition::Down) = server.check_failed() {
                common.stats.check_transitions.inc();
                notice(format_args!(
                    "upstream {upstream}: server {label} is down: {why}"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
