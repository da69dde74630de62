//! Chaos: constant load while servers die and return, files reload, listeners come and go with their
//! connections drained, logs rotate, clients vanish, and what is cached changes and is purged. No request fails that a retry
//! was allowed to save, nothing purged is served, and at the end descriptors and memory are where they were.
//!
//! `CHAOS_SECONDS` sets how long; `CHAOS_SEED` repeats a run's choices.

mod shelf;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringfence_tests::load::Shape;
use ringfence_tests::tools::free_address;
use ringfence_tests::{Client, Load, Origin, Ringfence, happens_within, upstream_table};
use rustix::process::Signal;
use shelf::Shelf;

/// A small generator (xorshift64*), so that a seed repeats a run's choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// What the file says at the moment.
struct Scene {
    stable: SocketAddr,
    fickle: SocketAddr,
    fickle_listens: bool,
    /// Which servers are in the file.
    listed: Vec<usize>,
    balance: &'static str,
}

const SERVERS: usize = 5;

impl Scene {
    fn config(&self, origins: &[Origin], shelf: &Shelf) -> String {
        let listed: Vec<&Origin> = self.listed.iter().map(|&n| &origins[n]).collect();
        let mut text = format!("[[listener]]\naddress = \"{}\"\n", self.stable);
        if self.fickle_listens {
            text += &format!("[[listener]]\naddress = \"{}\"\n", self.fickle);
        }
        text += "[[route]]\nname = \"all\"\nupstream = \"app\"\n";
        let lines = format!(
            "balance = \"{}\"\nretry = {{ attempts = 4 }}\nretry_budget = {{ share = 1.0, min_per_second = 10000 }}\n\
             check = {{ type = \"tcp\", interval = \"200ms\", timeout = \"200ms\", rise = 1, fall = 2 }}\n\
             pool = {{ idle_timeout = \"1s\" }}\n\
             ejection = {{ base_time = \"300ms\", max_time = \"1s\" }}\n",
            self.balance
        );
        text + &shelf.config()
            + &upstream_table("app", &listed, &lines)
            + "[access_log]\nformat = \"json\"\nto = \"@dir@/access.log\"\n"
    }
}

fn seconds() -> u64 {
    std::env::var("CHAOS_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(20)
}

fn seed() -> u64 {
    let given = std::env::var("CHAOS_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    given.unwrap_or_else(|| now.map_or(1, |t| t.as_nanos() as u64) | 1)
}

/// The whole run, while the loads go on.
struct Run {
    dice: Dice,
    scene: Scene,
    origins: Vec<Origin>,
    alive: Vec<bool>,
    shelf: Shelf,
    ringfence: Ringfence,
    reloads: usize,
    deaths: usize,
}

impl Run {
    fn start(seed: u64) -> Run {
        let origins: Vec<Origin> = (0..SERVERS)
            .map(|n| Origin::forgetful_kit(&n.to_string()))
            .collect();
        let scene = Scene {
            stable: free_address(),
            fickle: free_address(),
            fickle_listens: true,
            listed: (0..SERVERS).collect(),
            balance: "round_robin",
        };
        let shelf = Shelf::new();
        let ringfence = Ringfence::start(&scene.config(&origins, &shelf));
        let alive = vec![true; SERVERS];
        Run {
            dice: Dice(seed),
            scene,
            origins,
            alive,
            shelf,
            ringfence,
            reloads: 0,
            deaths: 0,
        }
    }

    /// Does one thing that a request must survive.
    fn stir(&mut self) {
        match self.dice.roll(14) {
            0..=3 => self.kill_or_revive(),
            4 | 5 => self.relist(),
            6 => {
                let all = [
                    "round_robin",
                    "weighted",
                    "least_conn",
                    "ip_hash",
                    "consistent_hash",
                    "p2c",
                    "random",
                ];
                self.scene.balance = all[self.dice.roll(7) as usize];
                self.reload();
            }
            7 => {
                self.scene.fickle_listens = !self.scene.fickle_listens;
                self.reload();
            }
            8 => self.rotate(),
            9 => self.vanish(),
            10 => self.shelf.kill_or_revive(self.dice.roll(2) as usize),
            _ => self
                .shelf
                .purge(self.ringfence.admin(), self.dice.roll(1 << 20)),
        }
    }

    /// At least two servers that are listed always live: one dying leaves one to retry at.
    fn kill_or_revive(&mut self) {
        let chosen = self.dice.roll(SERVERS as u64) as usize;
        let living = self
            .scene
            .listed
            .iter()
            .filter(|&&n| self.alive[n] && n != chosen)
            .count();
        if !self.alive[chosen] {
            self.origins[chosen].revives();
            self.alive[chosen] = true;
        } else if living >= 2 {
            self.origins[chosen].dies();
            self.alive[chosen] = false;
            self.deaths += 1;
        }
    }

    fn relist(&mut self) {
        let mut listed: Vec<usize> = (0..SERVERS).filter(|_| self.dice.roll(3) > 0).collect();
        if listed.iter().filter(|&&n| self.alive[n]).count() < 2 {
            listed = (0..SERVERS).collect();
        }
        self.scene.listed = listed;
        self.reload();
    }

    fn reload(&mut self) {
        let config = self.scene.config(&self.origins, &self.shelf);
        self.ringfence.reload(&config);
        self.reloads += 1;
    }

    fn rotate(&mut self) {
        let _ = std::fs::remove_file(self.ringfence.dir().join("access.log"));
        self.ringfence.signal(Signal::USR1);
    }

    /// A client that goes away in the middle of an answer.
    fn vanish(&mut self) {
        let mut client = Client::connect(self.scene.stable);
        client.says("GET /drip/100/5 HTTP/1.1\r\nHost: h\r\n\r\n");
        std::thread::sleep(Duration::from_millis(30));
        client.resets();
    }

    fn everybody_back(&mut self) {
        for (number, origin) in self.origins.iter_mut().enumerate() {
            origin.revives();
            self.alive[number] = true;
        }
        self.shelf.everybody_back();
        self.scene.listed = (0..SERVERS).collect();
        self.scene.fickle_listens = true;
        self.reload();
    }
}

/// Each answer is one send of the origin: one that dies within an answer cuts it off, and that no retry may save.
fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        Shape::get("/"),
        Shape::get("/bytes/4000"),
        Shape::get("/burst/3000"),
        Shape::get("/sleep/5"),
    ];
    shapes.push(Shape::put("/echo", &[b'x'; 3000]));
    shapes.push(Shape::put("/echo", b"y"));
    shapes.iter().cycle().take(12).cloned().collect()
}

#[test]
fn nothing_is_lost_and_nothing_leaks() {
    let seed = seed();
    println!("CHAOS_SEED={seed}");
    let mut run = Run::start(seed);
    let (stable, fickle) = (run.scene.stable, run.scene.fickle);

    // Warm up: caches, pools, the allocator's pages.
    let warm = Load::start(stable, shapes());
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        run.stir();
        std::thread::sleep(Duration::from_millis(100));
    }
    run.everybody_back();
    warm.stop().is_clean();
    // Until no connection idles in a pool any more.
    std::thread::sleep(Duration::from_millis(2500));
    let (descriptors, memory) = (run.ringfence.descriptors(), run.ringfence.resident_kib());

    run.shelf.start(stable);
    let load = Load::start(stable, shapes());
    let fickle_load = Load::start(fickle, shapes()[..4].to_vec());
    let end = Instant::now() + Duration::from_secs(seconds());
    while Instant::now() < end {
        run.stir();
        let pause = Duration::from_millis(20 + run.dice.roll(200));
        std::thread::sleep(pause);
    }
    run.everybody_back();
    let (report, fickle_report) = (load.stop(), fickle_load.stop());
    let read = run.shelf.stop();

    println!(
        "{} good, {} on the listener that came and went, {} deaths, {} reloads",
        report.good, fickle_report.good, run.deaths, run.reloads
    );
    println!("{read:?}, {} purges", run.shelf.purges);
    assert!(read.whole > 1000 && read.from_cache > read.whole / 4 && run.shelf.purges > 10);
    report.is_clean();
    assert_eq!(report.closed, 0, "no reload closes a connection");
    fickle_report.lost_nothing();
    assert!(report.good > 1000 && fickle_report.good > 50 && run.deaths > 3 && run.reloads > 3);

    let flat = || run.ringfence.descriptors() <= descriptors + 4;
    assert!(
        happens_within(Duration::from_secs(10), flat),
        "{descriptors} descriptors before, now {:?}",
        run.ringfence.open_files()
    );
    let grown = run.ringfence.resident_kib().saturating_sub(memory);
    assert!(
        grown < 12 * 1024,
        "{grown} KiB more than the {memory} before"
    );
    assert_eq!(
        run.ringfence.metrics().sum("ringfence_panics_total", &[]),
        0.0
    );

    // And it still knows how to stop under load.
    let last = Load::start(stable, shapes());
    std::thread::sleep(Duration::from_millis(300));
    run.ringfence.signal(Signal::TERM);
    assert!(run.ringfence.ends().success());
    // A connection that was made just as the listener closed is the kernel's to reset; an answer that had begun is not.
    let begun =
        |line: &String| !line.starts_with("no connection") && !line.starts_with("no answer");
    let mut lost = last.stop().failures;
    lost.retain(begun);
    assert_eq!(lost, Vec::<String>::new(), "lost in the drain");
}
