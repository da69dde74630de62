//! Threads, CPUs and rings.

use std::str::FromStr;

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::words::words;
use crate::values::wrong::{Wrong, quoted};

/// Per-core tuning. Every field is also a flag of the command line, and a flag wins over the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// How many worker threads.
    pub count: WorkerCount,
    /// The CPUs that workers may use, ascending, none twice; `None` = those that the process may use.
    pub cpus: Option<Vec<usize>>,
    /// Whether each worker is pinned to one CPU.
    pub pin: bool,
    /// Submission entries of each worker's ring; a power of two.
    pub ring_entries: u32,
    /// Which driver does the I/O.
    pub driver: DriverChoice,
    /// The backlog given to `listen(2)`; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u32,
    /// Client connections that the whole process accepts at once, split evenly over the workers.
    pub max_connections: u32,
}

/// How many worker threads to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerCount {
    /// One for each CPU that the process may use (or each of [`Workers::cpus`]).
    Auto,
    /// This many; at least one.
    Fixed(u32),
}

/// Which driver does the I/O of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DriverChoice {
    /// The first of native, monoio and epoll that the kernel and the container allow.
    Auto,
    /// Our own driver over io_uring, or refuse to start.
    Native,
    /// monoio's driver over io_uring, or refuse to start.
    Monoio,
    /// epoll, even where io_uring would work.
    Epoll,
    /// The better of the two over io_uring, or refuse to start.
    IoUring,
}

words!(DriverChoice, "driver", {
    Auto => "auto",
    Native => "native",
    Monoio => "monoio",
    Epoll => "epoll",
    IoUring => "io_uring",
});

impl FromStr for WorkerCount {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let wrong = || {
            Wrong::new(format!("{} is not a number of workers", quoted(text)))
                .help("a whole number, or `auto`")
        };
        Self::from_integer(text.parse().map_err(|_| wrong())?)
    }
}

impl FromScalar for WorkerCount {
    const WHAT: &'static str = "a number of workers, or `auto`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        let bound = limits::WORKERS;
        match u32::try_from(number) {
            Ok(count) if (bound.min..=bound.max).contains(&count) => Ok(Self::Fixed(count)),
            _ => Err(Wrong::new(format!("{number} workers cannot be started"))
                .help(format!("from {} to {}, or `auto`", bound.min, bound.max))),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": limits::WORKERS.min, "maximum": limits::WORKERS.max },
                { "type": "string", "pattern": r"^(auto|[0-9]+|.*\$\{.*)$" },
            ],
        })
    }
}

impl ToScalar for WorkerCount {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Auto => "auto".to_owned().into(),
            Self::Fixed(count) => Written::Integer(i64::from(*count)),
        }
    }
}
