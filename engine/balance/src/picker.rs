//! The picker: one worker's choice of servers in one group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::choice::{Choice, Local};
use crate::choose::latency::Latency;
use crate::group::Group;
use crate::hash::mix;
use crate::health::Transition;
use crate::rng::Rng;
use crate::server::{Server, ServerId};
use crate::view::{Policy, View};

/// Successes that a worker counts for itself before it adds them to the shared window.
const BATCH: u32 = 32;

/// Chooses servers for one worker; nothing in it is shared, so nothing in it is atomic.
#[derive(Debug, Clone)]
pub struct Picker {
    group: Arc<Group>,
    rng: Rng,
    locals: Vec<Local>,
    view: View,
    /// The group's generation that the view was made for; `None` = there is no view yet.
    generation: Option<u64>,
}

/// What a request wants of its server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want<'a> {
    /// The hash of what the upstream hashes; `None` = the request has none: any server.
    pub key: Option<u64>,
    /// The value of the sticky cookie that came with the request.
    pub sticky: Option<&'a [u8]>,
    /// Servers that this request was sent to before; chosen again only if no other is left.
    pub tried: &'a [usize],
}

/// What would be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    /// The server's index in the group.
    pub ix: usize,
    /// Whether it is the request's sticky cookie that says so, and not the policy.
    pub is_stuck: bool,
}

/// Why there is no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPick {
    /// None is available, and none will be just because an exchange ends.
    NoServer,
    /// All that are available are at their `max_connections`: worth waiting for.
    Full,
}

/// How an exchange ended, for the health of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered well.
    Success,
    /// No connection, a reset, a time-out, or a status that counts as a failure.
    Failure,
    /// Given up for reasons that say nothing about the server (the client left).
    Abandoned,
}

impl Picker {
    /// A picker for `group`; different seeds keep the workers from choosing in step.
    pub fn new(group: Arc<Group>, seed: u64) -> Self {
        let local = |server: &Arc<Server>| Local {
            weight: server.weight,
            limited: server.max_connections.is_some(),
            ..Local::default()
        };
        let locals: Vec<Local> = group.servers.iter().map(local).collect();
        let rng = Rng::new(mix(seed));
        Self {
            group,
            rng,
            locals,
            view: View::default(),
            generation: None,
        }
    }

    /// Takes over what `old` learnt of the latency of servers that stayed, after a reload. Exchanges under way stay
    /// with `old`, and are finished there.
    pub fn inherit(&mut self, old: &Picker) {
        let latencies = old.group.servers.iter().zip(&old.locals);
        let known: HashMap<ServerId, Latency> = latencies
            .map(|(server, local)| (server.id, local.latency))
            .collect();
        for (server, local) in self.group.servers.iter().zip(&mut self.locals) {
            if let Some(latency) = known.get(&server.id) {
                local.latency = *latency;
            }
        }
    }

    /// The group that the picker chooses in.
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// Exchanges in flight on a server from this worker.
    pub fn in_flight(&self, ix: usize) -> u32 {
        self.locals[ix].in_flight
    }

    /// Chooses a server: an index into the group's servers.
    ///
    /// The caller then takes a place with [`Server::try_acquire`]; if another worker took the last one in between, it
    /// picks again. In order: the sticky server if it is available; by the policy among those available; backups; for
    /// a request that was tried elsewhere, a server that is ejected or down; a server that was tried before.
    pub fn pick(&mut self, want: &Want<'_>, now: Duration) -> Result<usize, NoPick> {
        self.refresh(now);
        if let Some(ix) = self.sticky(want, now) {
            return Ok(ix);
        }
        let key = want.key.unwrap_or_else(|| self.rng.next());
        if let Some(ix) = self.choose(key, want.tried, now) {
            return Ok(ix);
        }
        if !want.tried.is_empty() {
            let other = self.last_resort(want.tried);
            if let Some(ix) = other.or_else(|| self.choose(key, &[], now)) {
                return Ok(ix);
            }
        }
        let any = self.view.tiers.iter().any(|tier| !tier.members.is_empty());
        Err(if any { NoPick::Full } else { NoPick::NoServer })
    }

    /// The server that [`pick`](Self::pick) would choose now. Nothing changes by it: the same is chosen when a request comes.
    pub fn preview(&self, want: &Want<'_>, now: Duration) -> Result<Preview, NoPick> {
        let mut copy = self.clone();
        let ix = copy.pick(want, now)?;
        let is_stuck = copy.sticky(want, now) == Some(ix);
        Ok(Preview { ix, is_stuck })
    }

    /// A server that this request was not sent to, though it is ejected or down: rather one that checks find up. What
    /// it is thought to be is old news, and that the others fail is not.
    fn last_resort(&mut self, tried: &[usize]) -> Option<usize> {
        let servers = self.group.servers.iter().enumerate();
        let left = servers.filter(|(ix, server)| {
            !tried.contains(ix) && !server.is_draining() && !server.is_full()
        });
        let (ix, _) = left.min_by_key(|(_, server)| (!server.is_up(), server.backup))?;
        self.locals[ix].on_trial = true;
        Some(ix)
    }

    /// Says that an exchange with the server starts; to be called right after the pick.
    pub fn started(&mut self, ix: usize) {
        let local = &mut self.locals[ix];
        local.in_flight += 1;
        for tier in &mut self.view.tiers {
            if let Policy::Least(least) = &mut tier.policy {
                least.started(ix, local.in_flight);
            }
        }
    }

    /// Says that an exchange ended. `latency` is the time to the first byte of the answer.
    pub fn finished(
        &mut self,
        ix: usize,
        outcome: Outcome,
        latency: Duration,
        now: Duration,
    ) -> Option<Transition> {
        let local = &mut self.locals[ix];
        debug_assert!(local.in_flight > 0, "finished without started");
        local.in_flight = local.in_flight.saturating_sub(1);
        for tier in &mut self.view.tiers {
            if let Policy::Least(least) = &mut tier.policy {
                least.finished(ix, local.in_flight);
            }
        }
        let on_trial = std::mem::take(&mut local.on_trial);
        match outcome {
            Outcome::Success => {
                if on_trial {
                    self.group.readmit(ix, now);
                }
                local.latency.observe(latency, nanos(now));
                local.unshared += 1;
                if local.unshared >= BATCH || self.group.is_failing(ix) {
                    let successes = std::mem::take(&mut local.unshared);
                    self.group.record_successes(ix, u64::from(successes), now);
                }
                None
            }
            Outcome::Failure => {
                local.latency.observe_failure(latency, nanos(now));
                let successes = std::mem::take(&mut local.unshared);
                self.group.record_failure(ix, u64::from(successes), now)
            }
            Outcome::Abandoned => None,
        }
    }

    fn refresh(&mut self, now: Duration) {
        let generation = Some(self.group.shared.generation());
        if generation == self.generation && self.view.good_until.is_none_or(|until| now < until) {
            return;
        }
        // Read before the servers are looked at: a change in between only makes it look again.
        self.generation = generation;
        for (server, local) in self.group.servers.iter().zip(&mut self.locals) {
            local
                .latency
                .forget_if_before(server.recovered_at(now).map(nanos));
        }
        let in_flight: Vec<u32> = self.locals.iter().map(|local| local.in_flight).collect();
        self.view = View::new(&self.group, &in_flight, &mut self.rng, now);
    }

    fn sticky(&self, want: &Want<'_>, now: Duration) -> Option<usize> {
        let ix = self.group.sticky.as_ref()?.find(want.sticky?)?;
        let server = &self.group.servers[ix];
        // Draining ends only what is new: a client that is stuck to the server goes on there.
        (server.is_fit(now) && !server.is_full() && !want.tried.contains(&ix)).then_some(ix)
    }

    fn choose(&mut self, key: u64, tried: &[usize], now: Duration) -> Option<usize> {
        let Self {
            group,
            rng,
            locals,
            view,
            ..
        } = self;
        let choice = Choice {
            group,
            locals,
            tried,
            key,
            now: nanos(now),
        };
        view.tiers.iter_mut().find_map(|tier| choice.of(tier, rng))
    }
}

fn nanos(at: Duration) -> u64 {
    at.as_nanos() as u64
}
