//! What is still to be asked for. A host whose servers are not there does not hold up the others.

use std::collections::{HashMap, VecDeque};

use ringfence_telemetry::{Fetched, Target};

/// What is still to be asked for.
pub(super) struct Queue {
    waiting: VecDeque<Target>,
    /// Those of hosts that have run dry.
    aside: Vec<Target>,
    /// Those for which no server could be asked, and what came of that.
    tried: Vec<(Target, Fetched)>,
    /// Answers in a row for want of a server, by host.
    dry: HashMap<String, usize>,
    /// How many of them it takes until a host has run dry.
    most: usize,
}

impl Queue {
    pub(super) fn new(targets: Vec<Target>, most: usize) -> Self {
        Self {
            waiting: targets.into(),
            aside: Vec::new(),
            tried: Vec::new(),
            dry: HashMap::new(),
            most,
        }
    }

    /// The next to ask for now, if there is any.
    pub(super) fn next(&mut self) -> Option<Target> {
        loop {
            let target = self.waiting.pop_front()?;
            let dry = self.dry.get(&host(&target.url));
            match dry.is_some_and(|dry| *dry >= self.most) {
                true => self.aside.push(target),
                false => return Some(target),
            }
        }
    }

    /// Notes that there was no server for one.
    pub(super) fn tried(&mut self, target: Target, fetched: Fetched) {
        *self.dry.entry(host(&target.url)).or_default() += 1;
        self.tried.push((target, fetched));
    }

    /// Notes that a server has answered for one.
    pub(super) fn answered(&mut self, target: &Target) {
        self.dry.remove(&host(&target.url));
    }

    /// Whether it would help to ask again.
    pub(super) fn has_more(&self) -> bool {
        !(self.waiting.is_empty() && self.aside.is_empty() && self.tried.is_empty())
    }

    /// Has all be asked for again: first what has not been for the longest.
    pub(super) fn again(&mut self) {
        self.dry.clear();
        self.waiting.extend(self.aside.drain(..));
        let tried = self.tried.drain(..).map(|(target, _)| target);
        self.waiting.extend(tried);
    }

    /// What is left: what was tried, and what came of it; and what was not.
    pub(super) fn give_up(self) -> (Vec<(Target, Fetched)>, Vec<Target>) {
        let mut untried = Vec::from(self.waiting);
        untried.extend(self.aside);
        (self.tried, untried)
    }
}

/// The host that a URL names, with its port.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.to_ascii_lowercase()
}
