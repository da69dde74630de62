//! A simulated world: several cores that take turns on one thread, over a network in memory and
//! on a clock of their own. All that happens follows from a seed. For tests: the product starts
//! none.
//!
//! Every party of a test is a core: it uses the facade as any other, and cannot tell.

mod locals;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use self::locals::Locals;
use crate::driver::sim as world;
pub use crate::driver::sim::{Dice, Weather};
use crate::runtime::{Stats, stats, whole};
use crate::{clock, pool};

/// Longest time that a task takes, in nanoseconds.
const TASK_TAKES: u64 = 3_000;

/// Pipes that a core may open: few, so that some runs find none left.
const PIPES: usize = 3;

/// One simulated world; one a thread. Dropped, it ends with all that is in it.
pub struct Simulation {
    cores: Vec<Core>,
    dice: Dice,
    disorder: u32,
    ready: Vec<usize>,
    /// It belongs to its thread.
    _here: PhantomData<*const ()>,
}

/// Takes a turn of a watched core: it does what it is given, once.
pub type Turn = fn(&mut dyn FnMut());

/// Names a core of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreId(usize);

/// What a core had when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Its counts.
    pub stats: Stats,
    /// Bytes of receive buffers in use.
    pub held_bytes: usize,
}

struct Core {
    locals: Locals,
    turn: Turn,
    done: Rc<RefCell<bool>>,
    left: Option<Left>,
}

impl Simulation {
    /// An empty world.
    ///
    /// # Panics
    /// When this thread simulates already.
    pub fn new(seed: u64, weather: Weather) -> Self {
        world::begin(seed, weather);
        Self {
            cores: Vec::new(),
            dice: Dice::of(seed, 3),
            disorder: weather.disorder,
            ready: Vec::new(),
            _here: PhantomData,
        }
    }

    /// Adds a core, which runs `main` to its end. Half of them receive ahead, as the native
    /// driver does; the others are told of readiness.
    pub fn start(&mut self, main: impl Future<Output = ()> + 'static) -> CoreId {
        let ahead = self.dice.chance(500);
        self.start_core(main, ahead, |turn| turn())
    }

    /// As [`Simulation::start`], for whoever measures a core: it receives ahead, and takes each of
    /// its turns through `turn`.
    pub fn start_watched(
        &mut self,
        main: impl Future<Output = ()> + 'static,
        turn: Turn,
    ) -> CoreId {
        self.start_core(main, true, turn)
    }

    fn start_core(
        &mut self,
        main: impl Future<Output = ()> + 'static,
        ahead: bool,
        turn: Turn,
    ) -> CoreId {
        let core = world::begin_core(ahead);
        let done = Rc::new(RefCell::new(false));
        self.cores.push(Core {
            locals: Locals::new(),
            turn,
            done: done.clone(),
            left: None,
        });
        self.on(core, || {
            world::spawn(async move {
                whole(PIPES, main)
                    .await
                    .expect("a simulated bell needs no descriptor");
                done.replace(true);
            });
        });
        CoreId(core)
    }

    /// Lets one thing happen: something arrives, or one task of one core goes on. Time passes
    /// where nothing else can happen. False when nothing is left to happen, ever.
    pub fn step(&mut self) -> bool {
        if world::with(|world| world.happen(false)) == Some(true) {
            return true;
        }
        let mut ready = std::mem::take(&mut self.ready);
        world::ready(&mut ready);
        let chosen = (!ready.is_empty()).then(|| *self.dice.pick(&ready));
        self.ready = ready;
        match chosen {
            Some(core) => {
                self.run_one(core);
                true
            }
            None => world::with(|world| world.happen(true)) == Some(true),
        }
    }

    /// Ends a core as a loss of its process would: its tasks are gone, its sockets closed.
    pub fn kill(&mut self, core: CoreId) {
        if self.cores[core.0].left.is_none() {
            self.end(core.0);
        }
    }

    /// What a core left behind when it ended; nothing while it runs.
    pub fn left(&self, core: CoreId) -> Option<Left> {
        self.cores[core.0].left
    }

    /// Tells on standard error what arrives where and when, for someone who looks for a cause.
    pub fn tell(&mut self) {
        world::with(|world| world.tells = true);
    }

    /// Makes attempts to connect to an address go unanswered, or no longer.
    pub fn lose(&mut self, address: SocketAddr, lost: bool) {
        world::with(|world| world.net_mut().lose(address, lost));
    }

    /// Ends of connections and listening sockets that someone holds.
    pub fn open_sockets(&self) -> usize {
        world::with(|world| world.net().open()).unwrap_or(0)
    }

    /// A number that differs wherever anything has gone differently.
    pub fn trace(&self) -> u64 {
        world::with(|world| world.trace()).unwrap_or(0)
    }

    /// How much has happened.
    pub fn happened(&self) -> u64 {
        world::with(|world| world.happened()).unwrap_or(0)
    }

    /// Lets so much time pass at once, as over a sleep of the machine: all that is due by then happens late.
    pub fn leap(&mut self, by: Duration) {
        world::with(|world| {
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            world.note(4, nanos);
            world.pass(nanos);
        });
    }

    /// The time in this world, that of [`crate::now`].
    pub fn now(&self) -> Duration {
        clock::now()
    }

    fn run_one(&mut self, core: usize) {
        let (dice, disorder) = (&mut self.dice, self.disorder);
        let takes = 1 + dice.below(TASK_TAKES);
        let out_of_turn = dice.chance(disorder);
        let place = dice.bits();
        let choose = |many| match out_of_turn {
            true => (place % many as u64) as usize,
            false => 0,
        };
        let turn = self.cores[core].turn;
        let ran = self.on(core, || {
            let mut ran = None;
            turn(&mut || ran = world::run_one(core, choose));
            ran
        });
        world::with(|world| {
            world.note(3, (core as u64) << 32 | ran.unwrap_or(0) as u64);
            world.pass(takes);
        });
        let is_done = *self.cores[core].done.borrow();
        if is_done && self.cores[core].left.is_none() {
            self.end(core);
        }
    }

    fn end(&mut self, core: usize) {
        let left = self.on(core, || {
            world::end_core(core);
            Left {
                stats: stats(),
                held_bytes: pool::held_bytes(),
            }
        });
        self.cores[core].left = Some(left);
        // What it kept for itself goes now, not with the world.
        self.cores[core].locals = Locals::new();
    }

    /// Does something in a core's turn, with what that core keeps for itself.
    fn on<T>(&mut self, core: usize, work: impl FnOnce() -> T) -> T {
        let _in_place = locals::InPlace::put(&mut self.cores[core].locals);
        world::on(core, work)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        for core in 0..self.cores.len() {
            if self.cores[core].left.is_none() {
                self.end(core);
            }
        }
        world::clear_cores();
        world::end();
    }
}
