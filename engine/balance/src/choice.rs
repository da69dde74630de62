//! One choice: proposals of the policy, until one is neither full nor tried.

use crate::choose::latency::Latency;
use crate::group::Group;
use crate::hash::mix;
use crate::rng::Rng;
use crate::standing::STEPS;
use crate::view::{Policy, Tier};

/// Proposals that a policy makes before all servers are looked at.
const ATTEMPTS: u32 = 8;

/// What one worker knows of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Local {
    pub(crate) in_flight: u32,
    /// Successes not yet added to the shared window.
    pub(crate) unshared: u32,
    pub(crate) weight: u32,
    /// Chosen as a last resort: a good answer ends its ejection.
    pub(crate) on_trial: bool,
    pub(crate) limited: bool,
    pub(crate) latency: Latency,
}

/// What one choice looks at.
pub(crate) struct Choice<'a> {
    pub(crate) group: &'a Group,
    pub(crate) locals: &'a [Local],
    pub(crate) tried: &'a [usize],
    pub(crate) key: u64,
    /// In nanoseconds.
    pub(crate) now: u64,
}

impl Choice<'_> {
    /// A server of the tier that is neither full nor tried, if there is one.
    pub(crate) fn of(&self, tier: &mut Tier, rng: &mut Rng) -> Option<usize> {
        match tier.members[..] {
            [] => None,
            [only] => Some(only.ix as usize).filter(|ix| self.is_open(*ix)),
            _ => self
                .propose(&mut tier.policy, rng)
                .or_else(|| self.scan(tier, rng)),
        }
    }

    fn is_open(&self, ix: usize) -> bool {
        let full = self.locals[ix].limited && self.group.servers[ix].is_full();
        !full && !self.tried.contains(&ix)
    }

    /// A few proposals: nearly always the first is open.
    fn propose(&self, policy: &mut Policy, rng: &mut Rng) -> Option<usize> {
        for attempt in 0..ATTEMPTS {
            let ix = match policy {
                Policy::Nobody => None,
                Policy::Smooth(smooth) => Some(smooth.next()),
                Policy::Draw(draw) => Some(draw.draw(rng)),
                Policy::Least(least) => Some(least.best()),
                Policy::Peak { draw, steps } => Some(self.cheaper(draw.draw_two(rng), steps, rng)),
                Policy::Hash { table, steps } => self.by_key(*table, steps, attempt),
            };
            if let Some(ix) = ix.filter(|ix| self.is_open(*ix)) {
                return Some(ix);
            }
        }
        None
    }

    /// All members, when most are full or tried.
    fn scan(&self, tier: &Tier, rng: &mut Rng) -> Option<usize> {
        let start = rng.below(tier.members.len());
        let turned = tier.members[start..].iter().chain(&tier.members[..start]);
        let mut open = turned
            .map(|member| member.ix as usize)
            .filter(|ix| self.is_open(*ix));
        match &tier.policy {
            Policy::Least(least) => open.min_by_key(|ix| least.rank(*ix)),
            // The highest random weight: even, and the same on all workers, like the table.
            Policy::Hash { .. } => open.max_by_key(|ix| mix(self.key ^ self.group.identities[*ix])),
            _ => open.next(),
        }
    }

    /// The key's server or a later candidate. A starting server takes a growing share of its keys, the same on all
    /// workers.
    fn by_key(&self, table: usize, steps: &[u32], attempt: u32) -> Option<usize> {
        let ix = self.group.tables[table]
            .as_ref()?
            .candidate(self.key, attempt);
        ((mix(self.key) >> 32) as u32 % STEPS < steps[ix]).then_some(ix)
    }

    /// The cheaper of two; the first, which was drawn by weight, if they cost the same. A starting server gives way to
    /// the other one at times, ever more rarely.
    fn cheaper(&self, (first, second): (usize, usize), steps: &[u32], rng: &mut Rng) -> usize {
        let (best, other) = match self.cost(second) < self.cost(first) {
            true => (second, first),
            false => (first, second),
        };
        if steps[best] < STEPS
            && rng.below(STEPS as usize) >= steps[best] as usize
            && self.is_open(other)
        {
            return other;
        }
        best
    }

    fn cost(&self, ix: usize) -> f32 {
        let local = &self.locals[ix];
        match self.is_open(ix) {
            true => local.latency.cost(local.in_flight, local.weight, self.now),
            false => f32::INFINITY,
        }
    }
}
