//! A route with a cache: many clients want the same few things at once, while servers break off and purges come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringfence_io::sim::{CoreId, Dice, Simulation, Weather};
use ringfence_io::{Endpoint, ListenSocket, Listener, Stream, now, sleep, spawn, timeout_at};
use ringfence_proxy::{House, Order, PurgeOrder, purge};

use crate::plans::{DOORS, SERVERS, cached};
use crate::scene::{adopt, open};
use crate::wire::{Framing, Wire, noise, say, write_body};

/// Things that clients want.
const KEYS: usize = 3;

/// Steps after which a run does not end.
const MOST_STEPS: u64 = 20_000_000;

/// What a run is to be.
#[derive(Clone, Copy)]
struct Run {
    seed: u64,
    weather: Weather,
    workers: usize,
    clients: u64,
    /// Requests of each.
    requests: u64,
    /// Answers of a thousand that the server breaks off.
    cuts: u32,
    /// Clients of a thousand that go away while they are answered.
    leaves: u32,
    purges: bool,
}

/// What all parties of a run know.
#[derive(Clone, Default)]
struct Known(Rc<State>);

#[derive(Default)]
struct State {
    /// Of each key, the version that the server has.
    current: [Cell<u64>; KEYS],
    /// And the oldest that a request may be answered with that begins now.
    floor: [Cell<u64>; KEYS],
    served: Cell<u64>,
    whole: Cell<u64>,
    cut: Cell<u64>,
    refused: Cell<u64>,
    broken: RefCell<Option<String>>,
}

#[test]
fn all_who_want_the_same_get_it_by_one_fetch() {
    for seed in 0..24 {
        let run = Run {
            seed,
            weather: Weather::fair(),
            workers: 1 + seed as usize % 4,
            clients: 40,
            requests: 5,
            cuts: 0,
            leaves: 0,
            purges: false,
        };
        let known = play(run).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let state = &known.0;
        let counts = (state.served.get(), state.whole.get());
        assert_eq!(counts, (KEYS as u64, 200), "seed {seed}");
    }
}

#[test]
fn nobody_gets_what_was_purged_or_is_mixed_or_looks_whole_and_is_not() {
    let seeds = crate::number("SEEDS").unwrap_or(64);
    let only = crate::number("SEED");
    let (mut whole, mut cut, mut shared) = (0, 0, 0);
    for seed in only.map_or(0..seeds, |seed| seed..seed + 1) {
        let mut dice = Dice::of(seed, 21);
        let run = Run {
            seed,
            weather: Weather::of(seed),
            workers: dice.between(1, 4) as usize,
            clients: dice.between(1, 40),
            requests: dice.between(1, 12),
            cuts: *dice.pick(&[0, 0, 200]),
            leaves: *dice.pick(&[0, 100, 400]),
            purges: dice.chance(700),
        };
        let known = play(run).unwrap_or_else(|why| panic!("SEED={seed}: {why}"));
        let state = &known.0;
        whole += state.whole.get();
        cut += state.cut.get();
        shared += state.whole.get().saturating_sub(state.served.get());
    }
    println!("{whole} whole, {cut} cut, {shared} without a fetch of their own");
    if only.is_none() && seeds >= 64 {
        assert!(cut > 0 && shared > whole / 2, "it reaches what it is for");
    }
}

/// Plays a run.
///
/// # Errors
/// The promise that was broken.
fn play(run: Run) -> Result<Known, String> {
    let mut dice = Dice::of(run.seed, 22);
    let mut world = Simulation::new(run.seed, run.weather);
    let known = Known::default();
    let server = Server {
        known: known.clone(),
        cuts: run.cuts,
    };
    let server = world.start(server.run(Dice::new(dice.bits())));
    let drawn = cached();
    let adoption = adopt(&drawn.plan, None);
    let (house, workers) = open(&mut world, run.workers, &adoption, &DOORS[..1]);
    let clients = start_clients(&mut world, run, &known, &mut dice);
    go_on(&mut world, run, &known, &house, &mut dice, clients)?;
    for post in &house.posts {
        post.post(Order::Drain(Duration::from_secs(30)));
    }
    let all = |world: &Simulation| workers.iter().all(|core| world.left(*core).is_some());
    while !all(&world) {
        if !world.step() {
            return Err("a worker never ends".to_owned());
        }
    }
    world.kill(server);
    for core in workers.iter().chain([&clients]) {
        let left = world.left(*core).ok_or("a core that never ended")?;
        let stats = left.stats;
        let all = (stats.tasks, stats.streams, stats.leases, stats.panics);
        if all != (0, 0, 0, 0) {
            return Err(format!("a core left {left:?}"));
        }
    }
    Ok(known)
}

/// Lets things happen until all clients are done.
fn go_on(
    world: &mut Simulation,
    run: Run,
    known: &Known,
    house: &Arc<House>,
    dice: &mut Dice,
    clients: CoreId,
) -> Result<(), String> {
    let mut next = world.now();
    let mut steps = 0;
    while world.left(clients).is_none() {
        if run.purges && world.now() >= next {
            change(known, house, dice);
            next = world.now() + Duration::from_millis(dice.between(1, 300));
        }
        steps += 1;
        if !world.step() || steps > MOST_STEPS {
            return Err("it never ends".to_owned());
        }
        if let Some(broken) = known.0.broken.take() {
            return Err(broken);
        }
    }
    Ok(())
}

/// Something is another from now on, and what was is purged.
fn change(known: &Known, house: &Arc<House>, dice: &mut Dice) {
    let key = dice.below(KEYS as u64) as usize;
    let (order, keys) = match dice.below(4) {
        0 => (PurgeOrder::All, 0..KEYS),
        1 => (PurgeOrder::Tag("all".to_owned()), 0..KEYS),
        2 => (PurgeOrder::Tag(format!("k{key}")), key..key + 1),
        _ => (PurgeOrder::Url(format!("http://h/{key}")), key..key + 1),
    };
    for key in keys.clone() {
        let current = &known.0.current[key];
        current.set(current.get() + 1);
    }
    // Whether the workers have carried it out yet must make no difference.
    drop(purge(house, &[order], false));
    for key in keys {
        known.0.floor[key].set(known.0.current[key].get());
    }
}

fn start_clients(world: &mut Simulation, run: Run, known: &Known, dice: &mut Dice) -> CoreId {
    let pause = *dice.pick(&[1, 20_000, 300_000]);
    let dices: Vec<Dice> = (0..run.clients).map(|_| Dice::new(dice.bits())).collect();
    let known = known.clone();
    world.start(async move {
        let busy = Rc::new(Cell::new(dices.len()));
        for mut dice in dices {
            let (known, busy) = (known.clone(), busy.clone());
            spawn(async move {
                for _ in 0..run.requests {
                    sleep(Duration::from_micros(dice.below(pause))).await;
                    if let Err(why) = ask(&known, run, &mut dice).await {
                        known.0.broken.replace(Some(why));
                    }
                }
                busy.set(busy.get() - 1);
            });
        }
        while busy.get() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_secs(1)).await;
    })
}

/// Asks for something, and looks at what comes.
async fn ask(known: &Known, run: Run, dice: &mut Dice) -> Result<(), String> {
    let connect = Stream::connect(&Endpoint::Tcp(DOORS[0]));
    let Ok(Ok(stream)) = timeout_at(now() + Duration::from_secs(60), connect).await else {
        return Ok(());
    };
    let stream = Rc::new(stream);
    let mut wire = Wire::new(stream.clone(), Dice::new(dice.bits()));
    wire.slowness = *dice.pick(&[0, 0, 0, 200_000]);
    let key = dice.below(KEYS as u64) as usize;
    let floor = known.0.floor[key].get();
    let request = format!("GET /{key} HTTP/1.1\r\nHost: h\r\n\r\n");
    if say(&stream, request.as_bytes(), dice, 1, 1).await.is_err() {
        return Ok(());
    }
    let Some(head) = wire.head().await? else {
        return Ok(());
    };
    if !head.line.contains(" 200 ") {
        known.0.refused.set(known.0.refused.get() + 1);
        return Ok(());
    }
    let number = |name| head.number(name).ok_or(format!("no {name} in {head:?}"));
    let (serial, length, version) = (number("x-serial")?, number("x-size")?, number("x-version")?);
    if number("x-key")? != key as u64 || version < floor {
        return Err(format!("{key} of version {floor} was asked for: {head:?}"));
    }
    if dice.chance(run.leaves) {
        stream.abort();
        return Ok(());
    }
    let body = wire.body(head.of_response(200)).await?;
    let whole = noise(serial, length as usize);
    if !whole.starts_with(&body.bytes) {
        return Err(format!("a body is not that of {head:?}"));
    }
    if body.cut.is_none() && body.bytes.len() != whole.len() {
        return Err(format!(
            "{} bytes look whole for {head:?}",
            body.bytes.len()
        ));
    }
    let count = match body.cut {
        None => &known.0.whole,
        Some(_) => &known.0.cut,
    };
    count.set(count.get() + 1);
    Ok(())
}

/// A server that has another version of a thing once it is changed.
#[derive(Clone)]
struct Server {
    known: Known,
    cuts: u32,
}

impl Server {
    async fn run(self, mut dice: Dice) {
        let socket = ListenSocket::bind(SERVERS[0], 64, false).expect("it is free");
        let listener = Listener::new(socket).expect("it listens");
        while let Some(stream) = listener.accept().await {
            let (server, mut dice) = (self.clone(), Dice::new(dice.bits()));
            let mut wire = Wire::new(Rc::new(stream), Dice::new(dice.bits()));
            spawn(async move {
                while let Ok(Some(head)) = wire.head().await {
                    if !server.answer(&head.line, &mut wire, &mut dice).await {
                        return;
                    }
                }
            });
        }
    }

    /// Answers a request; false where the connection is to end.
    async fn answer(&self, line: &str, wire: &mut Wire, dice: &mut Dice) -> bool {
        let state = &self.known.0;
        let key = usize::from(line.as_bytes()[5] - b'0');
        // What it reads is what was there when it was asked.
        let version = state.current[key].get();
        let serial = state.served.get();
        state.served.set(serial + 1);
        sleep(Duration::from_micros(dice.below(100_000))).await;
        let size = *dice.pick(&[0, 1, 2_000, 40_000, 200_000]);
        let framing = *dice.pick(&[
            Framing::Length(size),
            Framing::Length(size),
            Framing::Chunked,
        ]);
        let mut head = format!(
            "HTTP/1.1 200 So\r\nCache-Control: max-age=600\r\nCache-Tag: all, k{key}\r\n\
             X-Key: {key}\r\nX-Serial: {serial}\r\nX-Size: {size}\r\nX-Version: {version}\r\n"
        );
        head += &match framing {
            Framing::Length(size) => format!("Content-Length: {size}\r\n\r\n"),
            _ => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        };
        let mut bytes = head.into_bytes();
        let start = bytes.len();
        write_body(&mut bytes, &noise(serial, size), framing, dice);
        let cut = dice.chance(self.cuts);
        if cut {
            bytes.truncate(start + dice.below((bytes.len() - start) as u64 + 1) as usize);
        }
        let (pieces, rest) = (dice.between(1, 8), *dice.pick(&[100, 10_000, 300_000]));
        let said = say(wire.stream(), &bytes, dice, pieces, rest).await;
        said.is_ok() && !cut
    }
}
