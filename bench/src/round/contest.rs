//! How a round is run: a proxy is started, asked, measured and stopped.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::load::engine::{Seen, Task};
use crate::load::idle::{Idle, exchange};
use crate::load::order::{Order, Zipf};
use crate::load::request::{Request, probe};
use crate::origin::Kind;
use crate::origin::count::Counter;
use crate::peer::Peer;
use crate::peer::installed::Installed;
use crate::peer::site::Site;
use crate::port;
use crate::process::{Cost, Group};
use crate::round::{CacheFigures, Figures, IdleFigures, Measured, Round};
use crate::scenario::{Asked, Cache, Scenario};
use crate::setting::Setting;

/// How long a program may take until it answers; ten thousand routes have to be read in it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// How long filling a cache may take, for each of its two steps.
const FILLS_WITHIN: Duration = Duration::from_secs(180);
/// How often that is tried.
const TRY_EVERY: Duration = Duration::from_millis(10);
/// The seeds of what is asked while a cache settles, and while it is measured: not the same again, which it would have.
const SETTLING: u64 = 0;
const MEASURING: u64 = 1;

/// A proxy of one kind in front of given servers, round after round.
#[derive(Debug)]
pub struct Contest<'a> {
    /// Who runs where.
    pub setting: &'a Setting,
    /// Which proxy.
    pub peer: Peer,
    /// What is installed of it.
    pub installed: &'a Installed,
    /// What is asked of it.
    pub scenario: &'a Scenario,
    /// The servers behind it.
    pub servers: &'a [SocketAddr],
    /// What they are.
    pub origin: Kind,
    /// The requests of the scenario.
    pub requests: &'a Arc<Vec<Request>>,
    /// Requests a second; `None` = as fast as answers come.
    pub rate: Option<f64>,
}

impl Contest<'_> {
    /// Runs one round. What goes wrong makes it void.
    #[must_use]
    pub fn run(&self) -> Round {
        self.try_run().unwrap_or_else(|error| Round {
            figures: None,
            errors: 0,
            void: Some(error.to_string()),
        })
    }

    /// Starts the proxy in a directory of its own, does `act` with it once it answers, and stops it.
    ///
    /// # Errors
    /// That it does not start, or what `act` says.
    pub fn with_proxy<T>(
        &self,
        act: impl FnOnce(&mut Group, &Site<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let dir = self.setting.make_dir("proxy-")?;
        let site = Site {
            dir: dir.path(),
            scenario: self.scenario,
            listen: SocketAddr::from(([127, 0, 0, 1], port::free()?)),
            admin: SocketAddr::from(([127, 0, 0, 1], port::free()?)),
            servers: self.servers,
            cpus: &self.setting.proxy_cpus,
            workers: self.setting.workers,
            descriptors: self.setting.descriptors,
        };
        let mut group = Group::start(self.peer.prepare(self.installed, &site)?)?;
        wait_until_it_answers(&group, site.listen, &probe(self.scenario))?;
        act(&mut group, &site)
    }

    /// As [`Self::run`], with what goes wrong handed back.
    fn try_run(&self) -> io::Result<Round> {
        self.with_proxy(|group, site| {
            if let Some(cache) = &self.scenario.cache {
                self.fill(cache, group, site.listen)?;
            }
            let mut measured = match self.scenario.idle {
                0 => self.measure(group, site.listen)?,
                idle => self.measure_beside(idle, group, site.listen)?,
            };
            group.stop();
            if self.scenario.log && self.peer.has_access_log() {
                measured.check_log(&fs::read(site.access_log())?);
            }
            Ok(measured.into_round())
        })
    }

    /// Has a cache hold what it can before it is measured.
    fn fill(&self, cache: &Cache, group: &Group, target: SocketAddr) -> io::Result<()> {
        let Asked::Drawn { fill, settle, .. } = cache.asked else {
            return Ok(());
        };
        let first = self.requests.len().saturating_sub(fill);
        let once = Task {
            requests: self.requests[first..].to_vec().into(),
            ..self.task(Order::InTurn, target)
        };
        self.run_until(&once, fill as u64, group)?;
        let settling = Task {
            seed: SETTLING,
            ..self.task(self.order(), target)
        };
        self.run_until(&settling, settle, group)
    }

    /// Has so many answers come.
    fn run_until(&self, task: &Task, answers: u64, group: &Group) -> io::Result<()> {
        let load = Load::start(task, self.setting.load_threads, &self.setting.load_cpus)?;
        let deadline = Instant::now() + FILLS_WITHIN;
        while load.answers() < answers && Instant::now() < deadline {
            if let Some(why) = group.has_ended() {
                return Err(io::Error::other(why));
            }
            thread::sleep(TRY_EVERY);
        }
        let (seen, had) = load.finish()?;
        let faults = seen.faults.words();
        match faults.is_empty() && had >= answers {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "{had} of {answers} answers came in {FILLS_WITHIN:?} while the cache was filled; {faults}"
            ))),
        }
    }

    /// The order in which the scenario asks.
    fn order(&self) -> Order {
        match self.scenario.cache.map(|cache| cache.asked) {
            Some(Asked::Drawn {
                objects, exponent, ..
            }) => Order::Drawn(Arc::new(Zipf::new(objects, exponent))),
            Some(Asked::Waves) => Order::Waves,
            Some(Asked::One) | None => Order::InTurn,
        }
    }

    /// What the load does.
    fn task(&self, order: Order, target: SocketAddr) -> Task {
        Task {
            target,
            requests: Arc::clone(self.requests),
            order,
            seed: MEASURING,
            connections: self.scenario.connections,
            reconnect: self.scenario.reconnect,
            rate: self.rate,
        }
    }

    /// Loads the proxy and measures it.
    fn measure(&self, group: &Group, target: SocketAddr) -> io::Result<Measured> {
        let task = self.task(self.order(), target);
        let mut counter = Counter::new(self.origin, self.servers[0]);
        let before = self.reached(&mut counter)?;
        let load = Load::start(&task, self.setting.load_threads, &self.setting.load_cpus)?;
        thread::sleep(self.setting.warm_up);
        let reached = self.reached(&mut counter)?;
        let start = Sample::take(group, &load)?;
        load.open_window();
        thread::sleep(self.setting.measure);
        let end = Sample::take(group, &load)?;
        let reached = self.reached(&mut counter)? - reached;
        let (seen, answers) = load.finish()?;
        let all = self.reached(&mut counter)? - before;
        let peak_memory = group.memory()?.peak;
        let mut figures = self.figures(&start, &end, &seen, peak_memory);
        figures.cache = self.scenario.cache.map(|_| CacheFigures {
            hits: 1.0 - reached as f64 / figures.requests as f64,
            fetches: (seen.waves > 0).then(|| all as f64 / seen.waves as f64),
        });
        let mut measured = Measured {
            figures,
            seen,
            answers,
            void: None,
        };
        if self.scenario.is_all_hits() {
            measured.check_hits(reached);
        }
        Ok(measured)
    }

    /// How many requests have reached the origin, where that matters.
    fn reached(&self, counter: &mut Counter) -> io::Result<u64> {
        match self.scenario.cache {
            Some(_) => counter.count(),
            None => Ok(0),
        }
    }

    /// Measures alone first, then beside `count` idle connections, and what those hold of memory.
    fn measure_beside(
        &self,
        count: usize,
        group: &Group,
        target: SocketAddr,
    ) -> io::Result<Measured> {
        let alone = self.measure(group, target)?;
        let before = group.memory()?.now;
        let idle = Idle::open(target, &self.requests[0], count)?;
        let after = group.memory()?.now;
        let mut beside = self.measure(group, target)?;
        beside.figures.idle = Some(IdleFigures {
            bytes_each: after.saturating_sub(before) as f64 / count as f64,
            alone_us: alone.figures.cpu_us(),
        });
        beside.seen.faults.merge(&alone.seen.faults);
        beside.answers += alone.answers + count as u64;
        let disturbed = idle.disturbed();
        if disturbed > 0 {
            beside.void = Some(format!("{disturbed} idle connections were closed"));
        }
        Ok(beside)
    }

    /// The figures between two samples.
    fn figures(&self, start: &Sample, end: &Sample, seen: &Seen, peak_memory: u64) -> Figures {
        let seconds = (end.at - start.at).as_secs_f64();
        let requests = end.answers - start.answers;
        let cost = end.cost - start.cost;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / requests as f64;
        let latency = |percent| seen.latencies.percentile(percent).unwrap_or(0) as f64 / 1e3;
        Figures {
            requests,
            seconds,
            user_us: each(cost.user),
            system_us: each(cost.system),
            busy: (cost.user + cost.system).as_secs_f64() / seconds / self.setting.workers as f64,
            p50_us: latency(50.0),
            p99_us: latency(99.0),
            p999_us: latency(99.9),
            peak_memory,
            idle: None,
            cache: None,
        }
    }
}

/// The state of things at one moment.
struct Sample {
    at: Instant,
    cost: Cost,
    answers: u64,
}

impl Sample {
    fn take(group: &Group, load: &Load) -> io::Result<Self> {
        if let Some(why) = group.has_ended() {
            return Err(io::Error::other(why));
        }
        Ok(Self {
            at: Instant::now(),
            cost: group.cost()?,
            answers: load.answers(),
        })
    }
}

/// Waits until an exchange with `target` succeeds.
///
/// # Errors
/// That `group` ended, or does not answer in time, and how it failed last.
pub fn wait_until_it_answers(
    group: &Group,
    target: SocketAddr,
    request: &Request,
) -> io::Result<()> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    loop {
        let Err(error) = exchange(target, request) else {
            return Ok(());
        };
        if let Some(why) = group.has_ended() {
            return Err(io::Error::other(why));
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!(
                "{} does not answer: {error}",
                group.name()
            )));
        }
        thread::sleep(TRY_EVERY);
    }
}
