//! Running one core: its driver, its bell, and what can be asked about it.

use std::cell::RefCell;
use std::fmt;
use std::io;

use ringfence_config::DriverChoice;

use crate::driver::{self, Strength};
use crate::{bell, counters, pool, task};

/// How a core is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Which driver does the I/O.
    pub driver: DriverChoice,
    /// Length of the ring's submission queue; a power of two from 256 to 32,768 (others are
    /// rounded). With epoll, the events taken in one turn.
    pub ring_entries: u32,
}

impl Default for RunOptions {
    /// io_uring where it works, with 1,024 entries.
    fn default() -> Self {
        Self {
            driver: DriverChoice::Auto,
            ring_entries: 1024,
        }
    }
}

/// The driver that a core really got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverReport {
    /// The driver in use.
    pub kind: DriverKind,
    /// Where it is less than the best, why: no io_uring, or one without the flags that make it
    /// cheap. For the operator to read.
    pub note: Option<String>,
}

/// A way to wait for I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverKind {
    /// Linux's io_uring.
    IoUring,
    /// Linux's epoll.
    Epoll,
}

impl fmt::Display for DriverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        })
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
    /// Bytes of memory that the core's pools keep for later use.
    pub pooled_bytes: usize,
    /// Tasks that panicked.
    pub panics: u64,
    /// Times that accepting paused for want of descriptors or memory.
    pub accept_backoffs: u64,
    /// Connections closed unserved for want of descriptors.
    pub accept_shed: u64,
}

thread_local! {
    static REPORT: RefCell<Option<DriverReport>> = const { RefCell::new(None) };
}

/// Runs a core on this thread until `main` ends; tasks that are left are then dropped.
///
/// # Errors
/// When io_uring was asked for and cannot be had, or no descriptor is left.
///
/// # Panics
/// Inside another `run`, and when `main` panics.
pub fn run<F: Future>(options: &RunOptions, main: F) -> io::Result<F::Output> {
    let entries = options.ring_entries.clamp(256, 1 << 15).next_power_of_two();
    let (ring, report) = choose(options.driver, entries)?;
    driver::run(ring, entries, async {
        let answer = bell::hang()?;
        task::spawn_service(answer);
        REPORT.set(Some(report));
        let output = task::to_the_end(main).await;
        REPORT.set(None);
        bell::take_down();
        Ok(output)
    })?
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
        pooled_bytes: pool::pooled_bytes(),
        panics: counters::get(|c| &c.panics),
        accept_backoffs: counters::get(|c| &c.backoffs),
        accept_shed: counters::get(|c| &c.shed),
    }
}

fn choose(choice: DriverChoice, entries: u32) -> io::Result<(Option<Strength>, DriverReport)> {
    if choice == DriverChoice::Epoll {
        return Ok((
            None,
            DriverReport {
                kind: DriverKind::Epoll,
                note: None,
            },
        ));
    }
    match Strength::find(entries) {
        Ok(strength) => {
            let note = strength.lack().map(str::to_owned);
            Ok((
                Some(strength),
                DriverReport {
                    kind: DriverKind::IoUring,
                    note,
                },
            ))
        }
        Err(why) if choice == DriverChoice::Auto => Ok((
            None,
            DriverReport {
                kind: DriverKind::Epoll,
                note: Some(format!("no io_uring: {why}")),
            },
        )),
        Err(why) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("no io_uring: {why}"),
        )),
    }
}
