//! One load thread: an edge-triggered epoll loop over its share of the connections.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::load::connection::{Connection, Event, State};
use crate::load::control::Control;
use crate::load::fault::{Fault, Faults};
use crate::load::order::{Chance, Order};
use crate::load::request::Request;
use crate::load::schedule::Schedule;
use crate::stats::Histogram;

/// Bytes received at once; bodies are compared piece by piece.
const BUFFER: usize = 256 * 1024;
/// Events taken at once.
const EVENTS: usize = 256;
/// How long a connection rests after a fault, so that a dead peer is not asked without a pause; nanoseconds.
const REST: u64 = 10_000_000;
/// How long answers may take to come after the window was closed; nanoseconds.
const GRACE: u64 = 4_000_000_000;
/// The longest wait for events, after which stop sign and resting connections are looked at.
const LOOK_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};
/// The event number of the timer that paces a schedule.
const TIMER: u64 = u64::MAX;

/// What one thread has to do.
#[derive(Debug, Clone)]
pub struct Task {
    /// Where the proxy listens.
    pub target: SocketAddr,
    /// What to send.
    pub requests: Arc<Vec<Request>>,
    /// In which order.
    pub order: Order,
    /// What is left to chance follows from this, so that it is the same for all proxies and another at each stage.
    pub seed: u64,
    /// How many connections to use.
    pub connections: usize,
    /// Whether each request gets a new connection, which the proxy has to close.
    pub reconnect: bool,
    /// Requests a second; `None` = as fast as answers come.
    pub rate: Option<f64>,
}

/// What one thread saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Latencies of right answers in the window.
    pub latencies: Histogram,
    /// What went wrong, in the window or not.
    pub faults: Faults,
    /// Connections that the proxy closed after announcing it, where it did not have to.
    pub reconnects: u64,
    /// How often all connections asked for the same at once, where they do.
    pub waves: u64,
}

/// The loop's state.
struct Engine<'c> {
    task: Task,
    control: &'c Control,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Connections with nothing to do, while a schedule decides or others are waited for.
    free: Vec<usize>,
    /// Connections that rest after a fault, with the time at which they may go on.
    resting: Vec<(u64, usize)>,
    schedule: Option<Schedule>,
    /// Ticks as often as something becomes due.
    timer: Option<OwnedFd>,
    /// Which request comes next, where they come in turn.
    turn: usize,
    /// What draws one, where they are drawn.
    chance: Chance,
    seen: Seen,
}

/// Runs `task` until `control` says stop and the last answers have come.
///
/// # Errors
/// That the kernel gives no epoll or timer.
pub fn run(task: Task, first_turn: usize, control: &Control) -> io::Result<Seen> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let schedule = task.rate.map(|rate| Schedule::new(rate, control.now()));
    let timer = schedule
        .as_ref()
        .map(|schedule| ticking(&epoll, schedule.interval()))
        .transpose()?;
    let connections: Vec<Connection> = (0..task.connections).map(|_| Connection::new()).collect();
    let mut engine = Engine {
        free: Vec::with_capacity(connections.len()),
        resting: Vec::new(),
        seen: Seen::default(),
        turn: first_turn,
        chance: Chance::new((task.seed << 32) + first_turn as u64),
        task,
        control,
        epoll,
        connections,
        schedule,
        timer,
    };
    engine.turn_until_done()?;
    Ok(engine.seen)
}

/// A timer that raises an event each `interval` nanoseconds, for as long as it is read.
fn ticking(epoll: &OwnedFd, interval: u64) -> io::Result<OwnedFd> {
    let timer = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?;
    let interval = Duration::from_nanos(interval);
    let interval = Timespec {
        tv_sec: interval.as_secs().cast_signed(),
        tv_nsec: interval.subsec_nanos().into(),
    };
    let every = Itimerspec {
        it_interval: interval,
        it_value: interval,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    epoll::add(
        epoll,
        &timer,
        EventData::new_u64(TIMER),
        EventFlags::IN | EventFlags::ET,
    )?;
    Ok(timer)
}

impl Engine<'_> {
    /// The loop.
    fn turn_until_done(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut events = Vec::with_capacity(EVENTS);
        for index in 0..self.connections.len() {
            self.next(index, self.control.now());
        }
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&LOOK_EVERY)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    TIMER => self.rewind(),
                    index => self.handle(index as usize, event.flags, &mut buffer),
                }
            }
            let now = self.control.now();
            self.wake_rested(now);
            self.send_due(now);
            if self.control.is_stopping() && self.is_done(now) {
                return Ok(());
            }
        }
    }

    /// Reads the timer: the kernel starts it anew only then.
    fn rewind(&self) {
        if let Some(timer) = &self.timer {
            // How often it has ticked does not matter: the clock says what is due.
            let _ = rustix::io::read(timer, &mut [0; 8]);
        }
    }

    /// Lets a connection do what an event allows.
    fn handle(&mut self, index: usize, flags: EventFlags, buffer: &mut [u8]) {
        let connection = &mut self.connections[index];
        if connection.state == State::Shut {
            return;
        }
        connection.ended |= flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if let Err(fault) = self.advance(index, buffer) {
            self.fail(index, fault);
        }
    }

    /// Sends and receives.
    fn advance(&mut self, index: usize, buffer: &mut [u8]) -> Result<(), Fault> {
        let connection = &mut self.connections[index];
        if connection.state == State::Sending {
            connection.send(&self.task.requests[connection.request])?;
        }
        loop {
            let connection = &mut self.connections[index];
            let request = &self.task.requests[connection.request];
            match connection.receive(request, self.task.reconnect, buffer)? {
                Event::Nothing => return Ok(()),
                Event::Answered => {
                    self.record(index);
                    let connection = &self.connections[index];
                    if connection.state == State::Free {
                        self.next(index, self.control.now());
                        return Ok(());
                    }
                    if !connection.ended {
                        return Ok(());
                    }
                }
                Event::Closed => {
                    self.connections[index].shut();
                    self.seen.reconnects += u64::from(!self.task.reconnect);
                    self.next(index, self.control.now());
                    return Ok(());
                }
            }
        }
    }

    /// Counts the answer of a connection.
    fn record(&mut self, index: usize) {
        let now = self.control.now();
        let began = self.connections[index].began;
        self.control.count_answer();
        let belongs_to = if self.schedule.is_some() { began } else { now };
        if self.control.counts(belongs_to) {
            self.seen.latencies.record(now.saturating_sub(began));
        }
    }

    /// Gives a connection its next request, or lets it wait for one.
    fn next(&mut self, index: usize, now: u64) {
        match &mut self.schedule {
            None if self.control.is_stopping() => {}
            None if matches!(self.task.order, Order::Waves) => self.join_wave(index),
            None => self.begin(index, now),
            Some(schedule) => match schedule.take() {
                Some(due) => self.begin(index, due),
                None => self.free.push(index),
            },
        }
    }

    /// Lets a connection wait for the others, and begins the next wave when all are there.
    fn join_wave(&mut self, index: usize) {
        self.free.push(index);
        if self.free.len() < self.connections.len() {
            return;
        }
        self.turn += 1;
        self.seen.waves += 1;
        for index in std::mem::take(&mut self.free) {
            self.begin(index, self.control.now());
        }
    }

    /// Which request comes next.
    fn pick(&mut self) -> usize {
        let count = self.task.requests.len();
        match &self.task.order {
            Order::InTurn => {
                self.turn += 1;
                (self.turn - 1) % count
            }
            Order::Drawn(zipf) => zipf.draw(&mut self.chance),
            Order::Waves => self.turn % count,
        }
    }

    /// Begins an exchange, on a new connection where there is none.
    fn begin(&mut self, index: usize, began: u64) {
        if let Err(fault) = self.try_begin(index, began) {
            self.fail(index, fault);
        }
    }

    /// As [`Self::begin`], with the fault handed back.
    fn try_begin(&mut self, index: usize, began: u64) -> Result<(), Fault> {
        let request = self.pick();
        let connection = &mut self.connections[index];
        if connection.state == State::Shut {
            let socket = connection.open(self.task.target)?;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), flags)
                .map_err(|_| Fault::Broken)?;
        }
        connection.begin(request, began);
        connection.send(&self.task.requests[request])
    }

    /// Counts a fault and lets the connection rest.
    fn fail(&mut self, index: usize, fault: Fault) {
        self.seen.faults.add(fault);
        self.connections[index].shut();
        self.free.retain(|free| *free != index);
        self.resting.push((self.control.now() + REST, index));
    }

    /// Lets connections go on whose rest is over.
    fn wake_rested(&mut self, now: u64) {
        while let Some(place) = self.resting.iter().position(|(until, _)| *until <= now) {
            let (_, index) = self.resting.swap_remove(place);
            self.next(index, now);
        }
    }

    /// Hands what is due to free connections. Nothing becomes due after the window was closed.
    fn send_due(&mut self, now: u64) {
        let Some(schedule) = &mut self.schedule else {
            return;
        };
        schedule.advance(now.min(self.control.closed_at()));
        while let Some(index) = self.free.pop() {
            match self.schedule.as_mut().and_then(Schedule::take) {
                Some(due) => self.begin(index, due),
                None => return self.free.push(index),
            }
        }
    }

    /// Whether the last answer has come, or will not: what is still missing then counts as unanswered.
    fn is_done(&mut self, now: u64) -> bool {
        let busy = self
            .connections
            .iter()
            .filter(|connection| connection.is_busy())
            .count();
        let missing = busy + self.schedule.as_ref().map_or(0, Schedule::backlog);
        let over = now > self.control.closed_at().saturating_add(GRACE);
        if over {
            (0..missing).for_each(|_| self.seen.faults.add(Fault::Unanswered));
        }
        missing == 0 || over
    }
}
