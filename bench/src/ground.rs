//! What a comparison stands on, and how its rounds follow each other.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::load::request::{Request, probe, requests};
use crate::machine::{Cpus, Machine, raise_descriptor_limit};
use crate::options::Run;
use crate::origin::place::{Place, addresses};
use crate::origin::{self, Kind};
use crate::peer::Peer;
use crate::peer::installed::Installed;
use crate::port;
use crate::process::Group;
use crate::report::json::{Placement, Report};
use crate::report::summary::{Comparison, Entry};
use crate::round::Round;
use crate::round::contest::{Contest, wait_until_it_answers};
use crate::scenario::{Pace, Scenario};
use crate::setting::{Setting, readable_dir};

/// The load average up to which a machine counts as quiet.
const QUIET: f64 = 0.5;

/// What a comparison has at hand.
#[derive(Debug)]
pub struct Ground<'a> {
    run: &'a Run,
    allowed: &'a Cpus,
    machine: Machine,
    setting: Setting,
    peers: Vec<(Peer, Installed)>,
    /// What the others lack.
    missing: Vec<String>,
    /// Removed at the end.
    _dir: TempDir,
}

impl<'a> Ground<'a> {
    /// Finds the peers and hands out the CPUs.
    ///
    /// `allowed` are the CPUs that this process could use at its start.
    ///
    /// # Errors
    /// That none of the peers is there, or what the system says.
    pub fn new(run: &'a Run, allowed: &'a Cpus) -> io::Result<Self> {
        let dir = readable_dir(
            tempfile::Builder::new().prefix("ringfence-bench-"),
            &std::env::temp_dir(),
        )?;
        let machine = Machine::with_cpus(allowed);
        let (proxy_cpus, load_cpus) = hand_out_cpus(run, allowed);
        let (peers, missing) = find_peers(run);
        if peers.is_empty() {
            return Err(io::Error::other(missing.join("; ")));
        }
        let setting = Setting {
            proxy_cpus,
            load_cpus,
            workers: run.workers,
            load_threads: run.load_threads.unwrap_or(run.workers),
            warm_up: Duration::from_secs_f64(run.warmup),
            measure: Duration::from_secs_f64(run.seconds),
            descriptors: raise_descriptor_limit(),
            dir: dir.path().to_owned(),
        };
        Ok(Self {
            run,
            allowed,
            machine,
            setting,
            peers,
            missing,
            _dir: dir,
        })
    }

    /// The CPUs that proxy, origin and load share out among themselves.
    #[must_use]
    pub fn allowed(&self) -> &'a Cpus {
        self.allowed
    }

    /// Says what is compared where, and begins the report.
    pub fn open_report(&self) -> Report {
        let machine = self.machine.clone();
        let (proxy, load) = (
            self.setting.proxy_cpus.to_string(),
            self.setting.load_cpus.to_string(),
        );
        println!("{}, {machine}", machine.cpu);
        println!("proxy on CPU {proxy}, origin and load on CPU {load}");
        for (peer, installed) in &self.peers {
            println!("{peer}: {}", installed.version);
        }
        for why in &self.missing {
            println!("Missing: {why}.");
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

    /// Moves this process to the CPUs of the load and runs one scenario in front of one origin, at `rate` where it has
    /// a fixed one (`None` = half of the slowest product's limit); does `after` with the contests before the origin is
    /// stopped.
    ///
    /// # Errors
    /// That the origin does not answer, or that no rate can be found.
    pub fn compare(
        &self,
        scenario: &Scenario,
        origin: Kind,
        rate: Option<f64>,
        after: impl FnOnce(&[Contest<'_>]),
    ) -> io::Result<Comparison> {
        self.setting.load_cpus.pin_this_thread()?;
        let descriptors = self.setting.descriptors;
        let fitting = scenario.within(descriptors);
        let about = match fitting.idle < scenario.idle {
            true => format!(
                "{}; {} of them, for there are {descriptors} descriptors",
                scenario.about, fitting.idle
            ),
            false => scenario.about.to_owned(),
        };
        let scenario = &fitting;
        let servers = addresses(scenario.servers, port::free()?);
        let (_origin, _dir) = self.start_origin(scenario, origin, &servers)?;
        let stage = Stage {
            scenario,
            origin,
            servers: &servers,
            requests: Arc::new(requests(scenario)),
        };
        let rate = match scenario.pace {
            Pace::Full => None,
            Pace::HalfOfSlowest => Some(rate.map_or_else(|| self.half_of_slowest(&stage), Ok)?),
        };
        let contests = self.contests(&stage, rate);
        let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); contests.len()];
        for number in 0..self.run.rounds as usize {
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
        after(&contests);
        let entries = contests.iter().zip(rounds).map(|(contest, rounds)| Entry {
            peer: contest.peer,
            rounds,
        });
        let entries = entries.collect();
        Ok(Comparison {
            scenario: scenario.name,
            about,
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
            cacheable: scenario.cache.is_some(),
        };
        let group = Group::start(origin::prepare(origin, &place)?)?;
        wait_until_it_answers(&group, servers[0], &probe(scenario))?;
        Ok((group, dir))
    }

    /// The rounds to be of the peers that can take part; of the others, why they cannot is said.
    fn contests<'c>(&'c self, stage: &'c Stage<'c>, rate: Option<f64>) -> Vec<Contest<'c>> {
        let mut contests: Vec<Contest<'c>> = Vec::new();
        let scenario = stage.scenario;
        for (peer, installed) in &self.peers {
            let peer = peer.in_scenario(scenario);
            match peer.cannot(scenario) {
                Some(why) => println!("{peer} takes no part in {}: {why}.", scenario.name),
                None if contests.iter().any(|contest| contest.peer == peer) => {}
                None => contests.push(self.contest(peer, installed, stage, rate)),
            }
        }
        contests
    }

    /// One peer's rounds to be.
    fn contest<'c>(
        &'c self,
        peer: Peer,
        installed: &'c Installed,
        stage: &'c Stage<'c>,
        rate: Option<f64>,
    ) -> Contest<'c> {
        Contest {
            setting: &self.setting,
            peer,
            installed,
            scenario: stage.scenario,
            servers: stage.servers,
            origin: stage.origin,
            requests: &stage.requests,
            rate,
        }
    }

    /// Half of the rate that the slowest product reaches at full pace. One that fails has no say: its rounds will show.
    fn half_of_slowest(&self, stage: &Stage<'_>) -> io::Result<f64> {
        let has_a_say = |peer: &Peer| peer.is_product() || self.peers.len() == 1;
        let rates = self
            .peers
            .iter()
            .filter(|(peer, _)| has_a_say(peer) && peer.cannot(stage.scenario).is_none())
            .filter_map(|(peer, installed)| {
                let round = self.contest(*peer, installed, stage, None).run();
                let figures = round.figures.filter(|_| round.void.is_none());
                figures.map(|figures| figures.rate())
            });
        let slowest = rates.min_by(f64::total_cmp);
        slowest
            .map(|rate| rate / 2.0)
            .ok_or_else(|| io::Error::other("no product to take the rate from"))
    }
}

/// What all peers are set before in a scenario.
struct Stage<'s> {
    scenario: &'s Scenario,
    origin: Kind,
    servers: &'s [SocketAddr],
    requests: Arc<Vec<Request>>,
}

/// Which of the `allowed` CPUs the proxy gets and which the rest.
#[must_use]
pub fn hand_out_cpus(run: &Run, allowed: &Cpus) -> (Cpus, Cpus) {
    let (proxy, load) = allowed.split(run.workers);
    let proxy = run.proxy_cpus.clone().unwrap_or(proxy);
    let load = run.load_cpus.clone().unwrap_or(load);
    if proxy.0.iter().any(|cpu| load.0.contains(cpu)) {
        println!(
            "Proxy and load share CPUs: only CPU time for each request means something, no rate, no latency."
        );
    }
    (proxy, load)
}

/// The peers that are there, and of the others what would bring them.
fn find_peers(run: &Run) -> (Vec<(Peer, Installed)>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for peer in &run.peers {
        match peer.find(run.ringfence.as_deref()) {
            Ok(installed) => found.push((*peer, installed)),
            Err(why) => missing.push(why),
        }
    }
    (found, missing)
}

/// The load of the last minute, where it is more than a quiet machine has.
fn others_at_work() -> Option<f64> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let last_minute: f64 = load.split_ascii_whitespace().next()?.parse().ok()?;
    (last_minute > QUIET).then_some(last_minute)
}
