//! The servers to choose from, with what the policy has computed for them, and until when that holds.

use std::time::Duration;

use ringfence_config::Balance;

use crate::choose::draw::Draw;
use crate::choose::least::Least;
use crate::choose::member::Member;
use crate::choose::smooth::Smooth;
use crate::group::Group;
use crate::rng::Rng;
use crate::standing::{STEPS, Standing, earliest, tiers};

/// The servers in two tiers: those to choose from, and those for when all of the first are full or were tried.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) tiers: [Tier; 2],
    /// When time alone changes it; `None` = never.
    pub(crate) good_until: Option<Duration>,
}

/// Servers that are chosen among by the group's policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tier {
    pub(crate) members: Vec<Member>,
    pub(crate) policy: Policy,
}

/// A policy with what it has computed for its members.
#[derive(Debug, Clone, Default)]
pub(crate) enum Policy {
    /// For a tier without members.
    #[default]
    Nobody,
    Smooth(Smooth),
    Draw(Draw),
    Least(Least),
    Peak {
        draw: Draw,
        /// For every server of the group, its steps of slow start; 0 = not a member.
        steps: Vec<u32>,
    },
    Hash {
        /// Which of the group's tables: 0 = primaries, 1 = backups.
        table: usize,
        /// As above.
        steps: Vec<u32>,
    },
}

impl View {
    /// Looks at the health of all servers of `group`; `in_flight` has an entry for each.
    pub(crate) fn new(group: &Group, in_flight: &[u32], rng: &mut Rng, now: Duration) -> Self {
        let mut good_until = None;
        let mut standings = Vec::with_capacity(group.servers.len());
        for server in &group.servers {
            let (standing, changes) = Standing::of(server, group.upstream.slow_start, now);
            good_until = earliest(good_until, changes);
            standings.push(standing);
        }
        let tiers = tiers(&standings, group.upstream.ejection.panic_threshold);
        let tiers = tiers.map(|steps| Tier::new(group, steps, in_flight, rng));
        Self { tiers, good_until }
    }
}

impl Tier {
    /// `steps` has an entry for every server of the group; 0 = not in this tier.
    fn new(group: &Group, steps: Vec<u32>, in_flight: &[u32], rng: &mut Rng) -> Self {
        let balance = group.upstream.balance;
        let members = members(group, &steps);
        let policy = match balance {
            _ if members.is_empty() => Policy::Nobody,
            Balance::RoundRobin => Policy::Smooth(Smooth::new(&members, rng)),
            Balance::Weighted | Balance::Random => Policy::Draw(Draw::new(&members)),
            Balance::LeastConn => Policy::Least(Least::new(&members, in_flight, rng)),
            Balance::P2c => Policy::Peak {
                draw: Draw::new(&members),
                steps,
            },
            Balance::IpHash | Balance::ConsistentHash => {
                let backups = group.servers[members[0].ix as usize].backup;
                Policy::Hash {
                    table: usize::from(backups),
                    steps,
                }
            }
        };
        Self { members, policy }
    }
}

/// The members of a tier, weighed as the policy wants them.
fn members(group: &Group, steps: &[u32]) -> Vec<Member> {
    let balance = group.upstream.balance;
    // These hold back a starting server after their choice, and need the full weight for it.
    let late = matches!(
        balance,
        Balance::P2c | Balance::IpHash | Balance::ConsistentHash
    );
    // Whole weights as long as nobody is starting slowly: a rotation stays short.
    let ramp = !late && steps.iter().any(|step| !matches!(*step, 0 | STEPS));
    let member = |(ix, step): (usize, &u32)| {
        let weight = if balance == Balance::Random {
            1
        } else {
            group.servers[ix].weight
        };
        let weight = if ramp {
            weight.saturating_mul(*step)
        } else {
            weight
        };
        Member {
            ix: ix as u32,
            weight,
        }
    };
    steps
        .iter()
        .enumerate()
        .filter(|(_, step)| **step > 0)
        .map(member)
        .collect()
}
