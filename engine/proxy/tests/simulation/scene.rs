//! One run: the proxy with several workers, its clients and its servers, and what befalls them.

use std::cell::{Cell, RefCell};
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ringfence_balance::{Limit, Resolved, Roster, StickySecret};
use ringfence_io::sim::{CoreId, Dice, Simulation, Weather};
use ringfence_io::{ListenSocket, mailbox, sleep, spawn};
use ringfence_proxy::{Adoption, House, Order, WorkerSeed, work};
use ringfence_telemetry::{LogQueue, Registry, WorkerStats};

use crate::client::{Client, Manners};
use crate::ledger::{Ledger, Tally};
use crate::origin::Origin;
use crate::plans::{DOORS, Drawn, SERVERS, draw, plain};
use crate::reach::Reach;

/// Steps after which a run does not end.
const MOST_STEPS: u64 = 20_000_000;

/// Time that a worker may take to end once its drain is over.
const SLACK: Duration = Duration::from_secs(2);

/// What all parties of a run write to.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) ledger: Rc<RefCell<Ledger>>,
}

/// What a run is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    /// Its plans refuse nobody.
    is_fair: bool,
    pub(crate) weather: Weather,
    pub(crate) workers: usize,
    clients: u64,
    /// Connections that each client makes.
    pub(crate) connections: u64,
    /// Longest pause before each, in microseconds.
    pub(crate) pause: u64,
    pub(crate) manners: Manners,
    /// Requests of a thousand that servers fail.
    pub(crate) faults: u32,
    /// Requests of a thousand that servers answer before they have read them.
    pub(crate) early: u32,
    /// Servers say when they end a connection.
    pub(crate) proper: bool,
    pub(crate) events: Events,
}

/// What befalls those of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    /// Nothing, before the drain at the end.
    None,
    /// Plans change that refuse nobody, and all is drained while clients are at it.
    Planned,
    /// Servers die, plans change, all is drained at any moment.
    All,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) trace: u64,
    pub(crate) happened: u64,
    pub(crate) tally: Tally,
    pub(crate) reach: Reach,
}

/// A server's place, and the core that it runs on.
struct Post {
    origin: Origin,
    core: Option<CoreId>,
}

struct Scene {
    world: Simulation,
    setting: Setting,
    dice: Dice,
    shared: Shared,
    house: Arc<House>,
    adoption: Arc<Adoption>,
    workers: Vec<CoreId>,
    /// What each worker counts.
    counts: Vec<Arc<WorkerStats>>,
    clients: CoreId,
    origins: Vec<Post>,
    second_door: bool,
    /// The loosest limits of any plan so far.
    most_connections: u32,
    most_places: Option<u32>,
    reports: Receiver<Vec<String>>,
    reporter: Sender<Vec<String>>,
    awaited: usize,
    /// When all workers must have ended.
    ends_by: Option<Duration>,
}

impl Setting {
    /// Whatever the seed says.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, 10);
        let mut some = |most: u64| {
            if dice.chance(500) {
                dice.below(most) as u32
            } else {
                0
            }
        };
        let manners = Manners {
            breaks_off: some(300),
            leaves: some(300),
            slow: some(300),
        };
        let faults = some(300);
        let early = some(400);
        Self {
            seed,
            is_fair: false,
            weather: Weather::of(seed),
            workers: dice.between(1, 4) as usize,
            clients: dice.between(1, 40),
            connections: dice.between(1, 16),
            pause: *dice.pick(&[1, 20_000, 300_000]),
            manners,
            faults,
            early,
            proper: dice.chance(200),
            events: if dice.chance(700) {
                Events::All
            } else {
                Events::None
            },
        }
    }

    fn draw(self, dice: &mut Dice) -> Drawn {
        if self.is_fair {
            plain(dice)
        } else {
            draw(dice)
        }
    }

    /// Nothing goes wrong.
    pub(crate) fn fair(seed: u64, events: Events) -> Self {
        Self {
            seed,
            is_fair: true,
            weather: Weather::fair(),
            workers: 3,
            clients: 20,
            connections: 40,
            manners: Manners {
                breaks_off: 0,
                leaves: 0,
                slow: 0,
            },
            faults: 0,
            early: 0,
            proper: true,
            pause: 200_000,
            events,
        }
    }
}

/// Plays a run.
///
/// # Errors
/// The promise that was broken.
pub(crate) fn play(setting: Setting, tells: bool) -> Result<Outcome, String> {
    let mut dice = Dice::of(setting.seed, 11);
    let drawn = setting.draw(&mut dice);
    let mut scene = Scene::new(setting, dice, &drawn);
    if tells {
        scene.world.tell();
    }
    scene.run()?;
    scene.leave()
}

impl Scene {
    fn new(setting: Setting, mut dice: Dice, drawn: &Drawn) -> Self {
        let mut world = Simulation::new(setting.seed, setting.weather);
        let shared = Shared::default();
        shared.ledger.borrow_mut().most_retries = drawn.most_retries;
        let origins = SERVERS.map(|address| {
            let origin = Origin {
                shared: shared.clone(),
                address,
                faults: setting.faults,
                early: setting.early,
                proper: setting.proper,
                seed: dice.bits(),
            };
            let core = world.start(origin.clone().run());
            Post {
                origin,
                core: Some(core),
            }
        });
        let adoption = adopt(drawn, None);
        let (house, workers) = open(&mut world, setting, &adoption, drawn);
        let clients = start_clients(&mut world, setting, &shared, &mut dice);
        let (reporter, reports) = channel();
        Self {
            world,
            setting,
            dice,
            shared,
            counts: (0..workers.len())
                .map(|at| house.registry.worker(at))
                .collect(),
            house,
            adoption,
            workers,
            clients,
            origins: origins.into(),
            second_door: drawn.second_door,
            most_connections: drawn.most_connections,
            most_places: drawn.most_places,
            reports,
            reporter,
            awaited: 0,
            ends_by: None,
        }
    }

    /// Lets things happen until the clients are done and the workers have ended.
    fn run(&mut self) -> Result<(), String> {
        let mut next = self.world.now() + self.pause();
        let drains_at = self.world.now() + Duration::from_millis(self.dice.below(20_000));
        let drains_early = match self.setting.events {
            Events::None => false,
            Events::Planned => true,
            Events::All => self.dice.chance(500),
        };
        let mut steps = 0;
        loop {
            let now = self.world.now();
            let clients_done = self.world.left(self.clients).is_some();
            if self.ends_by.is_none() && (clients_done || drains_early && now >= drains_at) {
                self.drain();
            }
            if self.setting.events != Events::None && now >= next {
                self.befall();
                next = now + self.pause();
            }
            if clients_done && self.has_ended() {
                return Ok(());
            }
            steps += 1;
            if !self.world.step() || steps > MOST_STEPS {
                return Err("it never ends".to_owned());
            }
            self.check()?;
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.dice.between(1, 700))
    }

    fn has_ended(&self) -> bool {
        self.workers
            .iter()
            .all(|worker| self.world.left(*worker).is_some())
    }

    /// What must hold at any moment.
    fn check(&self) -> Result<(), String> {
        if let Some(broken) = &self.shared.ledger.borrow().broken {
            return Err(broken.clone());
        }
        let seats = self.counts.iter().map(|c| c.connections_active.get());
        let (seats, most) = (seats.sum::<u64>(), u64::from(self.most_connections));
        if seats > most {
            return Err(format!("{seats} clients are served, not {most}"));
        }
        for server in self
            .adoption
            .roster
            .groups
            .iter()
            .flat_map(|group| &group.servers)
        {
            if self.most_places.is_some_and(|most| server.active() > most) {
                return Err(format!(
                    "{} has {} exchanges",
                    server.label,
                    server.active()
                ));
            }
        }
        let overdue = self.ends_by.is_some_and(|by| self.world.now() > by);
        if overdue && !self.has_ended() {
            return Err("a drain never ended".to_owned());
        }
        Ok(())
    }

    /// Something happens to the proxy or to a server.
    fn befall(&mut self) {
        if self.setting.events == Events::Planned {
            return self.reload();
        }
        let at = self.dice.below(self.origins.len() as u64) as usize;
        match self.dice.below(6) {
            0 => self.kill_or_return(at),
            1 => {
                let lost = self.dice.chance(400);
                self.world.lose(SERVERS[at], lost);
            }
            2 | 3 => self.reload(),
            4 => self.judge(),
            _ => self.kill_or_return(at),
        }
    }

    fn kill_or_return(&mut self, at: usize) {
        let seed = self.dice.bits();
        let post = &mut self.origins[at];
        match post.core.take() {
            Some(core) => self.world.kill(core),
            None => {
                post.origin.seed = seed;
                post.core = Some(self.world.start(post.origin.clone().run()));
            }
        }
    }

    /// A check finds a server up or down, or someone marks it.
    fn judge(&mut self) {
        let now = self.world.now();
        let groups = &self.adoption.roster.groups;
        let servers: Vec<_> = groups.iter().flat_map(|group| &group.servers).collect();
        let server = *self.dice.pick(&servers);
        let _ = match self.dice.below(4) {
            0 => server.check_failed(),
            1 | 2 => server.check_passed(now),
            _ => {
                server.set_draining(!server.is_draining());
                None
            }
        };
    }

    /// Another plan is taken up.
    fn reload(&mut self) {
        if self.ends_by.is_some() {
            return;
        }
        let drawn = self.setting.draw(&mut self.dice);
        let mut ledger = self.shared.ledger.borrow_mut();
        ledger.most_retries = ledger.most_retries.max(drawn.most_retries);
        drop(ledger);
        self.most_connections = self.most_connections.max(drawn.most_connections);
        self.most_places = self
            .most_places
            .zip(drawn.most_places)
            .map(|(a, b)| a.max(b));
        self.adoption = adopt(&drawn, Some(&self.adoption));
        for post in &self.house.posts {
            post.post(Order::Adopt(self.adoption.clone()));
        }
        if drawn.second_door != self.second_door {
            self.second_door = drawn.second_door;
            self.turn_door();
        }
        for post in &self.house.posts {
            post.post(Order::Report(self.reporter.clone()));
        }
        self.awaited += self.house.posts.len();
    }

    /// Opens or closes the second door.
    fn turn_door(&self) {
        if !self.second_door {
            for post in &self.house.posts {
                post.post(Order::Unlisten(DOORS[1]));
            }
            return;
        }
        // Those of an earlier opening may still be open: then this reload is refused in part.
        let Ok(first) = ListenSocket::bind(DOORS[1], 16, true) else {
            return;
        };
        let mut sockets = vec![first];
        while sockets.len() < self.house.posts.len() {
            sockets.extend(sockets[0].sibling().ok());
        }
        for (post, socket) in self.house.posts.iter().zip(sockets) {
            post.post(Order::Listen(socket));
        }
    }

    fn drain(&mut self) {
        let mut grace = Duration::from_millis(self.dice.below(5_000));
        if self.setting.events != Events::All {
            // All that is under way may end.
            grace += Duration::from_secs(30);
        }
        for post in &self.house.posts {
            post.post(Order::Drain(grace));
        }
        self.ends_by = Some(self.world.now() + grace + SLACK);
    }

    /// What must hold when all is over.
    fn leave(mut self) -> Result<Outcome, String> {
        for post in &mut self.origins {
            if let Some(core) = post.core.take() {
                self.world.kill(core);
            }
        }
        for (at, core) in self.workers.iter().chain([&self.clients]).enumerate() {
            let left = self.world.left(*core).ok_or("a core that never ended")?;
            let stats = left.stats;
            let all = (
                stats.tasks,
                stats.streams,
                stats.leases,
                stats.pipes,
                stats.panics,
                left.held_bytes,
            );
            if all != (0, 0, 0, 0, 0, 0) {
                return Err(format!("core {at} left {left:?}"));
            }
        }
        for (at, stats) in self.counts.iter().enumerate() {
            let active = (
                stats.connections_active.get(),
                stats.requests_in_flight.get(),
            );
            if active != (0, 0) {
                return Err(format!("worker {at} counts {active:?} when all is over"));
            }
        }
        for server in self
            .adoption
            .roster
            .groups
            .iter()
            .flat_map(|group| &group.servers)
        {
            if server.active() != 0 {
                return Err(format!(
                    "{} has {} exchanges",
                    server.label,
                    server.active()
                ));
            }
        }
        let reported = self.reports.try_iter().count();
        if reported != self.awaited {
            return Err(format!("{reported} of {} reports came", self.awaited));
        }
        let mut reach = Reach::default();
        for stats in &self.counts {
            reach.count(stats);
        }
        for core in &self.workers {
            let left = self.world.left(*core);
            reach.piped(left.map_or(0, |left| left.stats.bytes_piped));
        }
        let Self {
            world,
            shared,
            house,
            adoption,
            ..
        } = self;
        // Spilled connections, and sockets in orders that nobody took, end with these.
        drop((house, adoption));
        if world.open_sockets() != 0 {
            return Err(format!("{} sockets are left open", world.open_sockets()));
        }
        let tally = shared.ledger.borrow().tally;
        Ok(Outcome {
            trace: world.trace(),
            happened: world.happened(),
            tally,
            reach,
        })
    }
}

/// Idle connections that a worker keeps, and that wait between them: more than there ever are.
const MOST_IDLE: usize = 1024;

pub(crate) fn adopt(drawn: &Drawn, previous: Option<&Adoption>) -> Arc<Adoption> {
    let secret = StickySecret([7; 16]);
    let before = previous.map(|adoption| &*adoption.roster);
    let roster = Roster::build(&drawn.plan.upstreams, &Resolved::default(), secret, before);
    Adoption::new(drawn.plan.clone(), Arc::new(roster), MOST_IDLE, previous)
}

/// Starts the workers as the product does.
pub(crate) fn open(
    world: &mut Simulation,
    setting: Setting,
    adoption: &Arc<Adoption>,
    drawn: &Drawn,
) -> (Arc<House>, Vec<CoreId>) {
    let count = setting.workers;
    let (posts, orders): (Vec<_>, Vec<_>) = (0..count).map(|_| mailbox()).unzip();
    let registry = Arc::new(Registry::new());
    let log = |ix| Arc::new(LogQueue::new(64, registry.worker(ix)));
    let house = Arc::new(House {
        posts,
        logs: (0..count).map(log).collect(),
        registry,
        most_clients: u32::MAX,
        most_idle: MOST_IDLE,
        most_spilled: MOST_IDLE,
        secret: RandomState::new(),
        purges: AtomicU64::new(0),
        clients: Limit::new(),
    });
    let doors = &DOORS[..1 + usize::from(drawn.second_door)];
    let first = |door| ListenSocket::bind(door, 16, true).expect("it is free");
    let firsts: Vec<_> = doors.iter().map(|door| first(*door)).collect();
    let mut hands: Vec<Vec<ListenSocket>> = (1..count)
        .map(|_| {
            firsts
                .iter()
                .map(|first| first.sibling().expect("it joins"))
                .collect()
        })
        .collect();
    hands.push(firsts);
    let cores = orders.into_iter().zip(hands).enumerate();
    let start = |(index, (orders, listeners))| {
        world.start(work(WorkerSeed {
            index,
            listeners,
            adoption: adoption.clone(),
            orders,
            house: house.clone(),
        }))
    };
    let workers = cores.map(start).collect();
    (house, workers)
}

fn start_clients(
    world: &mut Simulation,
    setting: Setting,
    shared: &Shared,
    dice: &mut Dice,
) -> CoreId {
    let doors = if setting.events == Events::All { 2 } else { 1 };
    let clients: Vec<Client> = (0..setting.clients)
        .map(|_| Client {
            shared: shared.clone(),
            doors: DOORS[..doors].to_vec(),
            manners: setting.manners,
            dice: Dice::new(dice.bits()),
            connections: setting.connections,
            pause: setting.pause,
        })
        .collect();
    world.start(async move {
        let busy = Rc::new(Cell::new(clients.len()));
        for client in clients {
            let busy = busy.clone();
            spawn(async move {
                client.run().await;
                busy.set(busy.get() - 1);
            });
        }
        while busy.get() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        // What clients still say goes to where nobody listens any more.
        sleep(Duration::from_secs(1)).await;
    })
}
