//! Running one core: its driver, its bell, and what can be asked about it.

use std::cell::RefCell;
use std::fmt;
use std::io;

use ringfence_config::DriverChoice;

use crate::driver::{self, Engine, Sizes, Strength};
use crate::{bell, counters, pipe, pool, task};

/// How a core is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Which driver does the I/O.
    pub driver: DriverChoice,
    /// Length of the ring's submission queue; a power of two from 256 to 32,768 (others are
    /// rounded). With epoll, the events taken in one turn.
    pub ring_entries: u32,
    /// Most pipes that the core opens, of two descriptors each, to pass bytes on that nobody need
    /// see; where none is left, bytes are copied.
    pub pipes: usize,
}

impl Default for RunOptions {
    /// The best driver that works, with 1,024 entries and 64 pipes.
    fn default() -> Self {
        Self {
            driver: DriverChoice::Auto,
            ring_entries: 1024,
            pipes: 64,
        }
    }
}

/// The driver that a core really got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverReport {
    /// The driver in use.
    pub kind: DriverKind,
    /// Where a better one was allowed and could not be had, why. For the operator to read.
    pub note: Option<String>,
}

/// A way to do I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverKind {
    /// Our own driver over Linux's io_uring.
    Native,
    /// monoio's driver over Linux's io_uring.
    Monoio,
    /// monoio's driver over Linux's epoll.
    Epoll,
}

impl DriverKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Monoio => "monoio",
            Self::Epoll => "epoll",
        }
    }
}

impl fmt::Display for DriverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a core counts about itself; for metrics and for tests that nothing leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Tasks that were spawned and have not ended.
    pub tasks: u64,
    /// Open streams.
    pub streams: u64,
    /// Views of receive buffers that are held.
    pub leases: u64,
    /// Pipes that are held.
    pub pipes: u64,
    /// Bytes of memory that the core's pools keep for later use.
    pub pooled_bytes: usize,
    /// Tasks that panicked.
    pub panics: u64,
    /// Times that accepting paused for want of descriptors or memory.
    pub accept_backoffs: u64,
    /// Connections closed unserved for want of descriptors.
    pub accept_shed: u64,
    /// Times that completions outran the ring's queue and waited with the kernel; none are lost.
    pub ring_overflows: u64,
    /// Times that the kernel found no shared buffer to receive into, and a connection read for
    /// itself instead.
    pub buffers_short: u64,
    /// Bytes that were passed on through pipes rather than copied.
    pub bytes_piped: u64,
}

thread_local! {
    static REPORT: RefCell<Option<DriverReport>> = const { RefCell::new(None) };
}

/// Runs a core on this thread until `main` ends; tasks that are left are then dropped.
///
/// # Errors
/// When a driver was asked for and cannot be had, or no descriptor is left.
///
/// # Panics
/// Inside another `run`, and when `main` panics.
pub fn run<F: Future>(options: &RunOptions, main: F) -> io::Result<F::Output> {
    let entries = entries(options.ring_entries);
    let (engine, report) = choose(options.driver, entries)?;
    driver::run(engine, entries, async {
        REPORT.set(Some(report));
        let outcome = whole(options.pipes, main).await;
        REPORT.set(None);
        outcome
    })?
}

/// A core's life: its bell and its pipes, then `main`, then the end of whatever `main` has spawned.
///
/// # Errors
/// When no descriptor is left for the bell.
pub(crate) async fn whole<F: Future>(pipes: usize, main: F) -> io::Result<F::Output> {
    let answer = bell::hang()?;
    task::spawn_service(answer);
    pipe::allow(pipes);
    let output = task::to_the_end(main).await;
    pipe::allow(0);
    bell::take_down();
    Ok(output)
}

/// The driver that this core got; nothing outside [`run`].
pub fn driver_report() -> Option<DriverReport> {
    REPORT.with_borrow(Clone::clone)
}

/// What this core has counted so far.
pub fn stats() -> Stats {
    Stats {
        tasks: counters::get(|c| &c.tasks),
        streams: counters::get(|c| &c.streams),
        leases: counters::get(|c| &c.leases),
        pipes: counters::get(|c| &c.pipes),
        pooled_bytes: pool::pooled_bytes(),
        panics: counters::get(|c| &c.panics),
        accept_backoffs: counters::get(|c| &c.backoffs),
        accept_shed: counters::get(|c| &c.shed),
        ring_overflows: counters::get(|c| &c.overflows),
        buffers_short: counters::get(|c| &c.starved),
        bytes_piped: counters::get(|c| &c.moved),
    }
}

/// Whether a core on this thread could have what `choice` asks for.
///
/// # Errors
/// The reason why not, in words for the operator.
pub fn probe_driver(choice: DriverChoice, ring_entries: u32) -> Result<(), String> {
    choose(choice, entries(ring_entries))
        .map(drop)
        .map_err(|error| error.to_string())
}

fn entries(asked: u32) -> u32 {
    asked.clamp(256, 1 << 15).next_power_of_two()
}

/// The first of the drivers that may be had and that works here.
fn choose(choice: DriverChoice, entries: u32) -> io::Result<(Engine, DriverReport)> {
    let mut lacks = Vec::new();
    for kind in allowed(choice) {
        match find(*kind, entries) {
            Ok((engine, lack)) => {
                lacks.extend(lack);
                let note = (!lacks.is_empty()).then(|| lacks.join("; "));
                return Ok((engine, DriverReport { kind: *kind, note }));
            }
            Err(lack) => {
                if !lacks.contains(&lack) {
                    lacks.push(lack);
                }
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, lacks.join("; ")))
}

/// What a choice allows, best first.
fn allowed(choice: DriverChoice) -> &'static [DriverKind] {
    match choice {
        DriverChoice::Auto => &[DriverKind::Native, DriverKind::Monoio, DriverKind::Epoll],
        DriverChoice::IoUring => &[DriverKind::Native, DriverKind::Monoio],
        DriverChoice::Native => &[DriverKind::Native],
        DriverChoice::Monoio => &[DriverKind::Monoio],
        DriverChoice::Epoll => &[DriverKind::Epoll],
    }
}

/// A driver that works on this thread, and what it lacks; or why it does not.
fn find(kind: DriverKind, entries: u32) -> Result<(Engine, Option<String>), String> {
    match kind {
        DriverKind::Native => {
            driver::probe_native().map(|()| (Engine::Native(Sizes::of(entries)), None))
        }
        DriverKind::Monoio => Strength::find(entries)
            .map(|strength| (Engine::Ring(strength), strength.lack().map(str::to_owned))),
        DriverKind::Epoll => Ok((Engine::Epoll, None)),
    }
}
