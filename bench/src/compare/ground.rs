//! What a comparison stands on, and how its rounds follow each other.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;

use crate::load::request::requests;
use crate::machine::{Cpus, Machine, raise_descriptor_limit};
use crate::options::Compare;
use crate::origin::place::{Place, addresses};
use crate::origin::{self, Kind};
use crate::peer::Peer;
use crate::peer::installed::{Installed, find_program};
use crate::port;
use crate::process::Group;
use crate::report::json::{Placement, Report};
use crate::report::summary::{Comparison, Entry};
use crate::round::Round;
use crate::round::contest::{Contest, wait_until_it_answers};
use crate::scenario::{Pace, Scenario};
use crate::setting::{Setting, readable_dir};
use crate::wrk;

/// The load average up to which a machine counts as quiet.
const QUIET: f64 = 0.5;

/// What a comparison has at hand.
pub(super) struct Ground<'a> {
    options: &'a Compare,
    machine: Machine,
    setting: Setting,
    peers: Vec<(Peer, Installed)>,
    /// Removed at the end.
    _dir: TempDir,
}

impl<'a> Ground<'a> {
    /// Finds the peers, hands out the CPUs, and moves this process to those of the load.
    pub(super) fn new(options: &'a Compare) -> io::Result<Self> {
        let dir = readable_dir(
            tempfile::Builder::new().prefix("ringfence-bench-"),
            &std::env::temp_dir(),
        )?;
        let machine = Machine::here();
        let (proxy_cpus, load_cpus) = hand_out_cpus(options)?;
        load_cpus.pin_this_thread()?;
        let peers = find_peers(options);
        if peers.is_empty() {
            return Err(io::Error::other("none of the peers is there"));
        }
        let setting = Setting {
            proxy_cpus,
            load_cpus,
            workers: options.workers,
            load_threads: options.load_threads.unwrap_or(options.workers),
            warm_up: Duration::from_secs_f64(options.warmup),
            measure: Duration::from_secs_f64(options.seconds),
            descriptors: raise_descriptor_limit(),
            dir: dir.path().to_owned(),
        };
        Ok(Self {
            options,
            machine,
            setting,
            peers,
            _dir: dir,
        })
    }

    /// Says what is compared where, and begins the report.
    pub(super) fn open_report(&self) -> Report {
        let machine = self.machine.clone();
        let (proxy, load) = (
            self.setting.proxy_cpus.to_string(),
            self.setting.load_cpus.to_string(),
        );
        println!(
            "{}, {} CPUs, Linux {}",
            machine.cpu, machine.cpus, machine.kernel
        );
        println!("proxy on CPU {proxy}, origin and load on CPU {load}");
        for (peer, installed) in &self.peers {
            println!("{peer}: {}", installed.version);
        }
        if let Some(busy) = others_at_work() {
            println!(
                "The machine is not quiet (load {busy}): figures stray, and latencies mean little."
            );
        }
        println!();
        let versions = self
            .peers
            .iter()
            .map(|(peer, installed)| (peer.to_string(), installed.version.clone()));
        Report::new(
            machine,
            versions.collect(),
            Placement {
                proxy,
                load,
                workers: self.setting.workers,
            },
        )
    }

    /// The origins that were asked for and are there.
    pub(super) fn origins(&self) -> Vec<Kind> {
        let is_there = |kind: &Kind| *kind != Kind::Nginx || find_program("nginx").is_some();
        self.options
            .origins
            .iter()
            .copied()
            .filter(is_there)
            .collect()
    }

    /// Runs one scenario in front of one origin.
    pub(super) fn compare(
        &self,
        scenario: &'static Scenario,
        origin: Kind,
    ) -> io::Result<Comparison> {
        let servers = addresses(scenario.servers, port::free()?);
        let (_origin, _dir) = self.start_origin(scenario, origin, &servers)?;
        let rate = match scenario.pace {
            Pace::Full => None,
            Pace::HalfOfSlowest => Some(
                self.options
                    .rate
                    .map_or_else(|| self.half_of_slowest(scenario, &servers), Ok)?,
            ),
        };
        let contests: Vec<Contest<'_>> = self
            .peers
            .iter()
            .map(|peer| self.contest(peer, scenario, &servers, rate))
            .collect();
        let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); contests.len()];
        for number in 0..self.options.rounds as usize {
            // Another one begins each round, so that none is always the first or the last.
            for place in 0..contests.len() {
                let turn = (place + number) % contests.len();
                let name = contests[turn].peer;
                eprintln!(
                    "{}, origin {origin}: round {}, {name}",
                    scenario.name,
                    number + 1
                );
                rounds[turn].push(contests[turn].run());
            }
        }
        if self.options.wrk {
            wrk::report(&contests);
        }
        let entries = contests.iter().zip(rounds).map(|(contest, rounds)| Entry {
            peer: contest.peer,
            rounds,
        });
        let entries = entries.collect();
        Ok(Comparison {
            scenario: scenario.name,
            about: scenario.about,
            origin,
            rate,
            entries,
        })
    }

    /// Starts an origin and waits until it answers.
    fn start_origin(
        &self,
        scenario: &Scenario,
        origin: Kind,
        servers: &[SocketAddr],
    ) -> io::Result<(Group, TempDir)> {
        let dir = self.setting.make_dir("origin-")?;
        let place = Place {
            dir: dir.path(),
            addresses: servers,
            cpus: &self.setting.load_cpus,
            workers: self.setting.workers,
        };
        let group = Group::start(origin::prepare(origin, &place)?)?;
        wait_until_it_answers(&group, servers[0], &requests(scenario)[0])?;
        Ok((group, dir))
    }

    /// One peer's rounds to be.
    fn contest<'c>(
        &'c self,
        (peer, installed): &'c (Peer, Installed),
        scenario: &'c Scenario,
        servers: &'c [SocketAddr],
        rate: Option<f64>,
    ) -> Contest<'c> {
        Contest {
            setting: &self.setting,
            peer: *peer,
            installed,
            scenario,
            servers,
            rate,
        }
    }

    /// Half of the rate that the slowest product reaches at full pace. One that fails has no say: its rounds will show.
    fn half_of_slowest(&self, scenario: &Scenario, servers: &[SocketAddr]) -> io::Result<f64> {
        let has_a_say = |peer: &Peer| peer.is_product() || self.peers.len() == 1;
        let rates = self
            .peers
            .iter()
            .filter(|(peer, _)| has_a_say(peer))
            .filter_map(|peer| {
                let round = self.contest(peer, scenario, servers, None).run();
                let figures = round.figures.filter(|_| round.void.is_none());
                figures.map(|figures| figures.rate())
            });
        let slowest = rates.min_by(f64::total_cmp);
        slowest
            .map(|rate| rate / 2.0)
            .ok_or_else(|| io::Error::other("no product to take the rate from"))
    }
}

/// Which CPUs the proxy gets and which the rest.
pub(super) fn hand_out_cpus(options: &Compare) -> io::Result<(Cpus, Cpus)> {
    let (proxy, load) = Cpus::allowed()?.split(options.workers);
    let proxy = options.proxy_cpus.clone().unwrap_or(proxy);
    let load = options.load_cpus.clone().unwrap_or(load);
    if proxy.0.iter().any(|cpu| load.0.contains(cpu)) {
        println!(
            "Proxy and load share CPUs: only CPU time for each request means something, no rate, no latency."
        );
    }
    Ok((proxy, load))
}

/// The peers that are there. Says of the others what would bring them.
fn find_peers(options: &Compare) -> Vec<(Peer, Installed)> {
    let mut found = Vec::new();
    for peer in &options.peers {
        match peer.find(options.ringfence.as_deref()) {
            Ok(installed) => found.push((*peer, installed)),
            Err(missing) => println!("Missing: {missing}."),
        }
    }
    if options.origins.contains(&Kind::Nginx) && find_program("nginx").is_none() {
        println!("Missing: the nginx origin; Debian's package is nginx-light.");
    }
    found
}

/// The load of the last minute, where it is more than a quiet machine has.
fn others_at_work() -> Option<f64> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let last_minute: f64 = load.split_ascii_whitespace().next()?.parse().ok()?;
    (last_minute > QUIET).then_some(last_minute)
}
