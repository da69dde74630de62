//! Which servers may be chosen now, and until when that holds.

use std::time::Duration;

use ringfence_config::Balance;

use crate::choose::Member;
use crate::choose::draw::Draw;
use crate::choose::least::Least;
use crate::choose::smooth::Smooth;
use crate::group::Group;
use crate::rng::Rng;
use crate::server::Server;

/// A slow start goes up in this many steps.
const STEPS: u32 = 16;

/// The servers in two tiers: those to choose from, and those for when all of the first are full or were tried.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) tiers: [Tier; 2],
    /// When time alone changes it; `None` = never.
    pub(crate) good_until: Option<Duration>,
}

/// Servers that are chosen among by the group's policy.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) members: Vec<Member>,
    pub(crate) policy: Policy,
}

/// A policy with what it has computed for its members.
#[derive(Debug)]
pub(crate) enum Policy {
    Smooth(Smooth),
    Draw(Draw),
    Least(Least),
    Peak(Draw),
    Hash {
        /// Which of the group's tables: 0 = primaries, 1 = backups.
        table: usize,
        /// For every server of the group, its steps of [`STEPS`]; 0 = not a member.
        steps: Vec<u32>,
    },
}

/// Where one server stands.
#[derive(Debug, Clone, Copy)]
struct Standing {
    backup: bool,
    draining: bool,
    healthy: bool,
    /// Steps of its slow start, 1 to [`STEPS`].
    steps: u32,
}

impl View {
    /// `in_flight` has an entry for every server of the group.
    pub(crate) fn new(group: &Group, in_flight: &[u32], rng: &mut Rng, now: Duration) -> Self {
        let mut good_until = None;
        let mut standings = Vec::with_capacity(group.servers.len());
        for server in &group.servers {
            let (standing, changes) = stand(server, group.upstream.slow_start, now);
            good_until = earliest(good_until, changes);
            standings.push(standing);
        }
        let tiers = select(&standings, group.upstream.ejection.panic_threshold);
        let tiers = tiers.map(|steps| Tier::new(group, steps, in_flight, rng));
        Self { tiers, good_until }
    }
}

impl Tier {
    /// `steps` has an entry for every server of the group; 0 = not in this tier.
    fn new(group: &Group, steps: Vec<u32>, in_flight: &[u32], rng: &mut Rng) -> Self {
        // Whole weights as long as nobody is starting slowly: cycles stay short.
        let ramp = steps.iter().any(|step| !matches!(*step, 0 | STEPS));
        let alike = group.upstream.balance == Balance::Random;
        let member = |(ix, step): (usize, &u32)| {
            let weight = if alike { 1 } else { group.servers[ix].weight };
            Member {
                ix: ix as u32,
                weight: if ramp {
                    weight.saturating_mul(*step)
                } else {
                    weight
                },
            }
        };
        let members: Vec<Member> = steps
            .iter()
            .enumerate()
            .filter(|(_, step)| **step > 0)
            .map(member)
            .collect();
        let policy = match group.upstream.balance {
            Balance::RoundRobin => Policy::Smooth(Smooth::new(&members, rng)),
            Balance::Weighted | Balance::Random => Policy::Draw(Draw::new(&members)),
            Balance::LeastConn => {
                Policy::Least(Least::new(&members, in_flight.iter().copied(), rng))
            }
            Balance::P2c => Policy::Peak(Draw::new(&members)),
            Balance::IpHash | Balance::ConsistentHash => {
                let backups = members
                    .first()
                    .is_some_and(|first| group.servers[first.ix as usize].backup);
                Policy::Hash {
                    table: usize::from(backups),
                    steps,
                }
            }
        };
        Self { members, policy }
    }
}

/// Whether a server in its slow start takes the key: a share of keys that grows, the same keys on all workers.
pub(crate) fn takes_key(steps: u32, key: u64) -> bool {
    (crate::hash::mix(key) >> 32) as u32 % STEPS < steps
}

/// Who is in which tier, as steps of slow start for every server.
///
/// Primaries while enough of them are healthy, with backups behind them. Too few: panic, all primaries alike, for the
/// few would only fall too. None: the healthy backups; none of these either: panic, if there is any threshold.
fn select(standings: &[Standing], panic_threshold: f64) -> [Vec<u32>; 2] {
    let count = |want: &dyn Fn(&Standing) -> bool| {
        standings.iter().filter(|standing| want(standing)).count()
    };
    let primaries = count(&|s| !s.backup && !s.draining);
    let healthy = count(&|s| !s.backup && !s.draining && s.healthy);
    let backups = count(&|s| s.backup && !s.draining && s.healthy);
    let tier = |backup: bool, all: bool| {
        let steps = |s: &Standing| match (s.backup == backup && !s.draining, s.healthy) {
            (true, true) => s.steps,
            (true, false) if all => STEPS,
            _ => 0,
        };
        standings.iter().map(steps).collect::<Vec<u32>>()
    };
    let none = || vec![0; standings.len()];
    let panics = (healthy as f64) < primaries as f64 * panic_threshold;
    match (healthy, backups) {
        (1.., _) => [tier(false, panics), tier(true, false)],
        (0, 1..) => [tier(true, false), none()],
        (0, 0) if panic_threshold > 0.0 => [tier(primaries == 0, true), none()],
        (0, 0) => [none(), none()],
    }
}

/// A server's standing, and when time alone changes it.
fn stand(server: &Server, slow_start: Duration, now: Duration) -> (Standing, Option<Duration>) {
    let ejected = server.ejected_until(now);
    let up = server.is_up();
    let (steps, next) = match server.state.recovered_at() {
        Some(at) if up && ejected.is_none() => ramp(at, slow_start, now),
        _ => (STEPS, None),
    };
    let standing = Standing {
        backup: server.backup,
        draining: server.is_draining(),
        healthy: up && ejected.is_none(),
        steps,
    };
    (standing, earliest(ejected, next))
}

/// Steps of a slow start that began `at`, and when the next is due.
fn ramp(at: Duration, length: Duration, now: Duration) -> (u32, Option<Duration>) {
    let step = length / STEPS;
    if step.is_zero() || now >= at + length {
        return (STEPS, None);
    }
    let done = (now.saturating_sub(at).as_nanos() / step.as_nanos()) as u32;
    if done + 1 >= STEPS {
        (STEPS, None)
    } else {
        (done + 1, Some(at + step * (done + 1)))
    }
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}
