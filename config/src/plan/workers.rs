//! Threads, CPUs and rings.

use crate::values::words::words;

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
    /// io_uring where the kernel and the container allow it, epoll otherwise.
    Auto,
    /// io_uring or refuse to start.
    IoUring,
    /// epoll, even where io_uring would work.
    Epoll,
}

words!(DriverChoice, "driver", {
    Auto => "auto",
    IoUring => "io_uring",
    Epoll => "epoll",
});
