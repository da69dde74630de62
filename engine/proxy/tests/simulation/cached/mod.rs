//! Routes with a cache on the simulated network: random requests, answers, steps of the clock and purges, held against a
//! slow model of what a shared cache may do. `CACHE_SEEDS=` runs more seeds; `CACHE_SEED=` runs one, and tells what arrives
//! when.

mod book;
mod client;
mod coded;
mod model;
mod origin;
mod parts;
mod site;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringfence_io::sim::{CoreId, Dice, Simulation, Weather};
use ringfence_io::{sleep, spawn};
use ringfence_proxy::{Adoption, House, Order, PurgeOrder, purge};

use self::book::{Book, Cover};
use self::client::Client;
use self::origin::{Origin, Site};
use self::site::{HOSTS, PLACES, Page};
use crate::plans::{DOORS, SERVERS, load};
use crate::scene::{adopt, open};
use crate::{each_seed, number};

/// Seeds of an ordinary run.
const SEEDS: u64 = 400;

/// Steps after which a run does not end.
const MOST_STEPS: u64 = 20_000_000;

/// What runs must come to: answers of every kind.
const REACH: &[&str] = &[
    "HIT",
    "HIT in chunks",
    "HIT of what was not stored",
    "coded HIT",
    "coded own MISS",
    "HIT of another host",
    "UPDATING",
    "STALE",
    "own MISS",
    "own EXPIRED",
    "own BYPASS",
    "renewed REVALIDATED",
    "refused not_cached",
    "status 206",
    "status 304",
    "status 416",
    "status 500",
];

#[test]
fn a_cache_answers_as_the_model_allows() {
    if let Some(seed) = number("CACHE_SEED") {
        let counts = play(seed, true).unwrap();
        println!("CACHE_SEED={seed}: {counts:?}");
        return;
    }
    let seeds = number("CACHE_SEEDS").unwrap_or(SEEDS);
    let mut counts = BTreeMap::<String, u64>::new();
    let failures = each_seed(
        seeds,
        |seed| play(seed, false),
        |new| {
            for (what, often) in new {
                *counts.entry(what).or_default() += often;
            }
        },
    );
    println!("{seeds} seeds: {counts:?}");
    let told: Vec<_> = failures
        .iter()
        .map(|(seed, why)| format!("CACHE_SEED={seed}: {why}"))
        .collect();
    assert!(
        told.is_empty(),
        "{} seeds failed:\n{}",
        told.len(),
        told.join("\n")
    );
    if seeds >= SEEDS {
        let missed: Vec<_> = REACH
            .iter()
            .filter(|what| !counts.contains_key(**what))
            .collect();
        assert!(missed.is_empty(), "no run came to {missed:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_cached_run() {
    for seed in 0..6 {
        assert_eq!(play(seed, false), play(seed, false), "CACHE_SEED={seed}");
    }
}

/// A server's place, and the core that it runs on.
struct Post {
    origin: Origin,
    core: Option<CoreId>,
}

struct Run {
    world: Simulation,
    dice: Dice,
    calm: bool,
    book: Rc<RefCell<Book>>,
    site: Rc<RefCell<Site>>,
    house: Arc<House>,
    adoption: Arc<Adoption>,
    workers: Vec<CoreId>,
    clients: CoreId,
    origins: Vec<Post>,
    /// How far the clock is to leap once no request is under way.
    leap: Option<Duration>,
}

/// Plays a run, and gives how often what was answered; every third is a calm one.
fn play(seed: u64, tells: bool) -> Result<BTreeMap<String, u64>, String> {
    let mut run = Run::new(seed);
    if tells {
        run.world.tell();
    }
    run.go()?;
    let mut counts = std::mem::take(&mut run.book.borrow_mut().counts);
    counts.insert("happened".to_owned(), run.world.happened());
    Ok(counts)
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, 20);
        let calm = seed.is_multiple_of(3);
        let weather = if calm {
            Weather::fair()
        } else {
            Weather::of(seed)
        };
        let mut world = Simulation::new(seed, weather);
        let book = Rc::new(RefCell::new(Book::new(calm)));
        let site = Rc::new(RefCell::new(Site::new(Dice::new(dice.bits()), calm)));
        let faults = if calm { 0 } else { *dice.pick(&[0, 30, 300]) };
        let origins = SERVERS[..2].iter().map(|address| {
            let origin = Origin {
                address: *address,
                book: book.clone(),
                site: site.clone(),
                faults,
                seed: dice.bits(),
            };
            let core = Some(world.start(origin.clone().run()));
            Post { origin, core }
        });
        let origins: Vec<Post> = origins.collect();
        let adoption = adopt(&load(&plan(&mut dice, calm)), None);
        let workers = dice.between(1, 4) as usize;
        let (house, workers) = open(&mut world, workers, &adoption, &DOORS[..1]);
        let clients = start_clients(&mut world, &book, &mut dice, calm);
        Self {
            world,
            dice,
            calm,
            book,
            site,
            house,
            adoption,
            workers,
            clients,
            origins,
            leap: None,
        }
    }

    fn go(&mut self) -> Result<(), String> {
        let mut next = self.world.now() + self.pause();
        let mut steps = 0;
        while self.world.left(self.clients).is_none() {
            let now = self.world.now();
            if now >= next {
                self.befall();
                next = now + self.pause();
            }
            self.leap_if_quiet();
            steps += 1;
            if !self.world.step() || steps > MOST_STEPS {
                return Err("it never ends".to_owned());
            }
            if let Some(broken) = self.book.borrow_mut().broken.take() {
                return Err(broken);
            }
        }
        for post in &self.house.posts {
            post.post(Order::Drain(Duration::from_secs(40)));
        }
        while self
            .workers
            .iter()
            .any(|worker| self.world.left(*worker).is_none())
        {
            if !self.world.step() {
                return Err("a drain never ended".to_owned());
            }
        }
        let panics = self
            .workers
            .iter()
            .filter_map(|worker| self.world.left(*worker));
        match panics.map(|left| left.stats.panics).sum() {
            0_u64 => Ok(()),
            many => Err(format!("{many} panics")),
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.dice.between(1, 900))
    }

    fn befall(&mut self) {
        let page = Page::draw(&mut self.dice);
        match self.dice.below(if self.calm { 10 } else { 14 }) {
            0..=2 => self.site.borrow_mut().change(page),
            3..=5 => self.step_clock(),
            6..=8 => self.purge(page),
            9 => self.reload(),
            10 => {
                // As over a sleep of the machine, with requests under way.
                let by = Duration::from_millis(self.dice.below(30_000));
                self.world.leap(by);
            }
            _ => self.kill_or_return(),
        }
    }

    /// Has the clock leap, as soon as no request is under way.
    fn step_clock(&mut self) {
        let seconds = *self.dice.pick(&[1, 3, 10, 50, 130, 600, 5_000, 200_000]);
        self.leap = Some(Duration::from_millis(self.dice.below(1_000 * seconds)));
        self.book.borrow_mut().holds = true;
    }

    fn leap_if_quiet(&mut self) {
        if self.leap.is_none() || self.book.borrow().under_way > 0 {
            return;
        }
        let by = self.leap.take().expect("it is to leap");
        self.world.leap(by);
        let mut book = self.book.borrow_mut();
        book.holds = false;
        book.leaps += 1;
    }

    fn purge(&mut self, page: Page) {
        let (place, host) = (PLACES[page.place].0, HOSTS[page.host]);
        let tag = self.dice.below(3);
        let (order, covers) = match self.dice.below(12) {
            0 => (PurgeOrder::All, Cover::All),
            1 => (
                PurgeOrder::Host(host.to_uppercase()),
                Cover::Host(page.host),
            ),
            2 => (
                PurgeOrder::Prefix(format!("http://{host}/{place}/")),
                Cover::Place(page.place, Some(page.host)),
            ),
            3 => (
                PurgeOrder::Pattern(format!("http://*/{place}/*")),
                Cover::Place(page.place, None),
            ),
            4 => (PurgeOrder::Tag("b".to_owned()), Cover::Place(1, None)),
            5..=7 => (PurgeOrder::Tag(format!("t{tag}")), Cover::Tag(tag)),
            _ => (
                PurgeOrder::Url(format!("http://{host}{}", page.url())),
                Cover::Page(page),
            ),
        };
        let soft = self.dice.chance(400);
        // Whether all workers have carried it out is no matter: who asks from now on waits for that.
        drop(purge(&self.house, &[order], soft));
        let mut book = self.book.borrow_mut();
        let before = book.mark().order;
        book.purge(covers, before, soft);
    }

    fn reload(&mut self) {
        let plan = load(&plan(&mut self.dice, self.calm));
        self.adoption = adopt(&plan, Some(&self.adoption));
        for post in &self.house.posts {
            post.post(Order::Adopt(self.adoption.clone()));
        }
    }

    fn kill_or_return(&mut self) {
        let at = self.dice.below(self.origins.len() as u64) as usize;
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
}

/// A file with all places of the site; in calm weather one that refuses and evicts nothing.
fn plan(dice: &mut Dice, calm: bool) -> String {
    let size = if calm {
        "64MiB"
    } else {
        *dice.pick(&["64MiB", "1MiB"])
    };
    let mut text = format!(
        "[[listener]]\naddress = \"{}\"\n[cache]\nsize = \"{size}\"\n",
        DOORS[0]
    );
    for (place, lines, rules) in PLACES {
        let _ = write!(
            text,
            "[[route]]\npath = \"/{place}/*\"\nupstream = \"app\"\ncompress = {}\n[route.cache]\n{lines}",
            rules.compresses
        );
    }
    let _ = writeln!(
        text,
        "[upstream.app]\nservers = [\"{}\", \"{}\"]",
        SERVERS[0], SERVERS[1]
    );
    if dice.chance(500) {
        let _ = writeln!(text, "balance = \"least_conn\"");
    }
    text
}

fn start_clients(
    world: &mut Simulation,
    book: &Rc<RefCell<Book>>,
    dice: &mut Dice,
    calm: bool,
) -> CoreId {
    let leaves = if calm { 0 } else { *dice.pick(&[0, 0, 100]) };
    let pause = *dice.pick(&[1_000, 100_000, 700_000]);
    let clients = (0..dice.between(1, 12)).map(|_| Client {
        book: book.clone(),
        dice: Dice::new(dice.bits()),
        connections: dice.between(5, 30),
        leaves,
        pause,
    });
    let clients: Vec<Client> = clients.collect();
    world.start(async move {
        let busy = Rc::new(RefCell::new(clients.len()));
        for client in clients {
            let busy = busy.clone();
            spawn(async move {
                client.run().await;
                *busy.borrow_mut() -= 1;
            });
        }
        while *busy.borrow() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
}
