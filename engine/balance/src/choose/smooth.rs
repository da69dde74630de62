//! Smooth weighted round robin: nginx's algorithm, computed once per cycle.

use super::Member;
use crate::rng::Rng;

/// Cycles longer than this are computed anew each time instead of being kept.
const KEPT_MAX: u64 = 16 * 1024;
/// How far into its cycle a picker may start, so that cores do not all begin with the heaviest server.
const HEAD_START: usize = 64;

/// The order of servers. Equal weights: a plain rotation. Otherwise the model runs through one cycle, after which its
/// state is back at the beginning, and the kept order is repeated.
#[derive(Debug)]
pub(crate) struct Smooth {
    order: Vec<u32>,
    next: usize,
    model: Option<Model>,
}

impl Smooth {
    pub(crate) fn new(members: &[Member], rng: &mut Rng) -> Self {
        let start = rng.below(members.len());
        let turned = || members[start..].iter().chain(&members[..start]).copied();
        if members
            .windows(2)
            .all(|pair| pair[0].weight == pair[1].weight)
        {
            return Self {
                order: turned().map(|member| member.ix).collect(),
                next: 0,
                model: None,
            };
        }
        let mut smooth = Self {
            order: Vec::new(),
            next: 0,
            model: Some(Model::new(turned())),
        };
        for _ in 0..rng.below(HEAD_START) {
            smooth.next();
        }
        smooth
    }

    /// The next server; the members were not empty.
    pub(crate) fn next(&mut self) -> usize {
        if let Some(model) = &mut self.model
            && self.next == self.order.len()
        {
            let ix = model.next();
            if model.cycle > KEPT_MAX {
                return ix as usize;
            }
            self.order.push(ix);
            if self.order.len() as u64 == model.cycle {
                self.model = None;
            }
        }
        let ix = self.order[self.next];
        self.next += 1;
        if self.next == self.order.len() && self.model.is_none() {
            self.next = 0;
        }
        ix as usize
    }
}

/// Each pick adds every server's weight to its credit, takes the richest, and charges it the sum of the weights.
#[derive(Debug)]
struct Model {
    members: Vec<Member>,
    credit: Vec<i64>,
    total: i64,
    /// Picks until the credits are all zero again.
    cycle: u64,
}

impl Model {
    fn new(members: impl Iterator<Item = Member>) -> Self {
        let members: Vec<Member> = members.collect();
        let total: i64 = members.iter().map(|member| i64::from(member.weight)).sum();
        let divisor = members
            .iter()
            .fold(0, |divisor, member| gcd(divisor, member.weight));
        Self {
            credit: vec![0; members.len()],
            cycle: total as u64 / u64::from(divisor.max(1)),
            members,
            total,
        }
    }

    fn next(&mut self) -> u32 {
        let mut best = 0;
        for (at, member) in self.members.iter().enumerate() {
            self.credit[at] += i64::from(member.weight);
            if self.credit[at] > self.credit[best] {
                best = at;
            }
        }
        self.credit[best] -= self.total;
        self.members[best].ix
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
