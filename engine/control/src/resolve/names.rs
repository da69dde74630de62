//! What is known of each name, and when it is to be asked for again. Reads no clock and asks nobody.

use super::dns::Answer;
use ringfence_balance::Resolved;
use ringfence_config::{Resolver, ServerAddress, Upstream};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

/// The least time between two look-ups of a name, whatever the plan says, so that a zero can't make us spin.
const FLOOR: Duration = Duration::from_millis(50);

/// All names of a plan.
#[derive(Debug, Default)]
pub(super) struct Names {
    hosts: BTreeMap<String, Entry>,
    /// The plan's names with their ports.
    places: BTreeSet<(String, u16)>,
    min_ttl: Duration,
    max_ttl: Duration,
}

#[derive(Debug)]
struct Entry {
    /// Sorted, without repetition: the order of an answer means nothing.
    addresses: Vec<IpAddr>,
    /// When to ask; `None` while asked.
    due: Option<Instant>,
    is_failing: bool,
}

impl Names {
    /// Takes the names of a plan's upstreams. What is known of a name stays; a new one begins with the addresses that
    /// `known` has, and is due at once.
    pub(super) fn adopt(
        &mut self,
        upstreams: &[Upstream],
        resolver: &Resolver,
        known: &Resolved,
        now: Instant,
    ) {
        let servers = upstreams.iter().flat_map(|upstream| &upstream.servers);
        self.places = servers
            .filter_map(|server| match &server.address {
                ServerAddress::Name { host, port } => Some((host.clone(), *port)),
                ServerAddress::Fixed(_) => None,
            })
            .collect();
        self.min_ttl = resolver.min_ttl.max(FLOOR);
        self.max_ttl = resolver.max_ttl.max(self.min_ttl);
        let mut earlier = std::mem::take(&mut self.hosts);
        for (host, port) in &self.places {
            let entry = earlier.remove(host);
            self.hosts.entry(host.clone()).or_insert_with(|| {
                entry.unwrap_or_else(|| Entry {
                    addresses: in_order(known.get(host, *port).to_vec()),
                    due: Some(now),
                    is_failing: false,
                })
            });
        }
    }

    /// When the next name is due; none if there is no name or all are being asked for.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.hosts.values().filter_map(|entry| entry.due).min()
    }

    /// The names that are due; they count as being asked for from now on.
    pub(super) fn ask_due(&mut self, now: Instant) -> Vec<String> {
        let is_due = |entry: &Entry| entry.due.is_some_and(|due| due <= now);
        self.hosts
            .iter_mut()
            .filter(|(_, entry)| is_due(entry))
            .map(|(host, entry)| {
                entry.due = None;
                host.clone()
            })
            .collect()
    }

    /// The names that have no address.
    pub(super) fn without_address(&self) -> Vec<String> {
        let hosts = self.hosts.iter();
        hosts
            .filter(|(_, entry)| entry.addresses.is_empty())
            .map(|(host, _)| host.clone())
            .collect()
    }

    /// Notes an answer; gives what to say about it. A name that can't be resolved keeps its addresses, and is due again
    /// after the shortest time.
    pub(super) fn answered(
        &mut self,
        host: &str,
        answer: Result<Answer, String>,
        now: Instant,
    ) -> Option<String> {
        let entry = self.hosts.get_mut(host)?;
        match answer {
            Ok(answer) => {
                let ttl = answer.ttl.clamp(self.min_ttl, self.max_ttl);
                entry.due = Some(now + ttl);
                entry.succeeded(host, &answer)
            }
            Err(why) => {
                entry.due = Some(now + self.min_ttl);
                entry.failed(host, &why)
            }
        }
    }

    /// Whether a roster of these addresses would be another one.
    pub(super) fn differ_from(&self, resolved: &Resolved) -> bool {
        self.places.iter().any(|(host, port)| {
            let entry = self.hosts.get(host);
            entry.is_some_and(|entry| entry.addresses != resolved.get(host, *port))
        })
    }

    /// The addresses of all names, as a roster takes them.
    pub(super) fn resolved(&self) -> Resolved {
        let mut resolved = Resolved::default();
        for (host, port) in &self.places {
            if let Some(entry) = self.hosts.get(host) {
                resolved.insert(host, *port, entry.addresses.clone());
            }
        }
        resolved
    }
}

impl Entry {
    fn succeeded(&mut self, host: &str, answer: &Answer) -> Option<String> {
        let mut addresses = answer.addresses.clone();
        // Of a family that could not be asked for, the old addresses are the best that is known.
        let unknown = |ip: &&IpAddr| match ip {
            IpAddr::V4(_) => !answer.has_v4,
            IpAddr::V6(_) => !answer.has_v6,
        };
        addresses.extend(self.addresses.iter().filter(unknown));
        let addresses = in_order(addresses);
        let has_changed = addresses != self.addresses;
        let has_recovered = std::mem::take(&mut self.is_failing);
        self.addresses = addresses;
        (has_changed || has_recovered)
            .then(|| format!("{host} resolves to {}", shown(&self.addresses)))
    }

    /// Only the first failure in a row is worth a line.
    fn failed(&mut self, host: &str, why: &str) -> Option<String> {
        let was_failing = std::mem::replace(&mut self.is_failing, true);
        (!was_failing).then(|| match self.addresses.as_slice() {
            [] => format!("cannot resolve {host}: {why}; it has no server until it can be"),
            kept => format!("cannot resolve {host}: {why}; it keeps {}", shown(kept)),
        })
    }
}

fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn shown(addresses: &[IpAddr]) -> String {
    let shown: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{named, resolver};

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn names(hosts: &[&str], now: Instant) -> Names {
        let mut names = Names::default();
        names.adopt(&[named(hosts)], &resolver(&[]), &Resolved::default(), now);
        names
    }

    fn answer(addresses: &[IpAddr], ttl: u64) -> Answer {
        Answer {
            addresses: addresses.to_vec(),
            has_v4: true,
            has_v6: true,
            ttl: Duration::from_secs(ttl),
        }
    }

    #[test]
    fn the_ttl_is_clamped() {
        let now = Instant::now();
        let mut names = names(&["a"], now);
        let (min, max) = (names.min_ttl, names.max_ttl);
        for (ttl, expected) in [(0, min), (100_000_000, max)] {
            assert_eq!(names.ask_due(now + max), ["a"]);
            assert_eq!(names.next_due(), None, "it is being asked for");
            names.answered("a", Ok(answer(&[A], ttl)), now);
            assert_eq!(names.next_due(), Some(now + expected));
        }
    }

    #[test]
    fn only_other_addresses_are_a_change() {
        let now = Instant::now();
        let mut names = names(&["a"], now);
        assert!(!names.differ_from(&Resolved::default()));
        assert!(names.answered("a", Ok(answer(&[A, B], 9)), now).is_some());
        let first = names.resolved();
        assert!(names.differ_from(&Resolved::default()) && !names.differ_from(&first));
        assert!(
            names
                .answered("a", Ok(answer(&[B, A, B], 9)), now)
                .is_none()
        );
        assert!(!names.differ_from(&first));
        assert!(names.answered("a", Ok(answer(&[B], 9)), now).is_some());
        assert!(names.differ_from(&first));
        assert_eq!(names.resolved().get("a", 80), [B]);
    }

    #[test]
    fn a_failure_keeps_the_addresses_and_is_said_once() {
        let now = Instant::now();
        let mut names = names(&["a"], now);
        names.answered("a", Ok(answer(&[A], 9)), now);
        let fail = |names: &mut Names| names.answered("a", Err("gone".into()), now);
        let line = fail(&mut names).unwrap();
        assert_eq!(line, "cannot resolve a: gone; it keeps 192.0.2.1");
        assert!(fail(&mut names).is_none());
        assert_eq!(names.resolved().get("a", 80), [A]);
        let back = names.answered("a", Ok(answer(&[A], 9)), now).unwrap();
        assert_eq!(back, "a resolves to 192.0.2.1");
    }

    #[test]
    fn half_an_answer_keeps_the_other_half() {
        let now = Instant::now();
        let mut names = names(&["a"], now);
        names.answered("a", Ok(answer(&[A, V6], 9)), now);
        let half = Answer {
            has_v6: false,
            ..answer(&[B], 9)
        };
        names.answered("a", Ok(half), now);
        assert_eq!(names.resolved().get("a", 80), [B, V6]);
    }

    #[test]
    fn another_plan_keeps_what_is_known_and_drops_what_is_not_asked() {
        let now = Instant::now();
        let mut names = names(&["a", "b"], now);
        names.answered("a", Ok(answer(&[A], 9)), now);
        let mut known = Resolved::default();
        known.insert("c", 80, vec![B]);
        names.adopt(&[named(&["a", "c"])], &resolver(&[]), &known, now);
        assert_eq!(names.resolved().get("a", 80), [A]);
        assert_eq!(names.resolved().get("c", 80), [B]);
        assert_eq!(names.ask_due(now), ["c"], "a is not due yet");
        assert!(names.answered("b", Ok(answer(&[B], 9)), now).is_none());
        assert!(names.without_address().is_empty());
    }
}
