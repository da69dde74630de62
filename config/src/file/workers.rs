//! `[workers]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::workers::{DriverChoice, WorkerCount};
use crate::values::cpus::CpuList;
use crate::values::scalar::Scalar;

/// Threads, CPUs and rings. Each key is also a flag, which wins over the file.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// How many worker threads; `auto` = one for each CPU. Default `auto`.
    pub count: Option<Scalar<WorkerCount>>,
    /// The CPUs that workers may use. Without it, those that the process may use.
    pub cpus: Option<Scalar<CpuList>>,
    /// Whether each worker is pinned to one CPU. Default `true`.
    pub pin: Option<Scalar<bool>>,
    /// Entries of each worker's ring; a power of two. Default `1024`.
    pub ring_entries: Option<Scalar<u32>>,
    /// What does the I/O; `auto` = the first of `native`, `monoio` (both over io_uring) and `epoll`
    /// that is allowed. Default `auto`.
    pub driver: Option<Scalar<DriverChoice>>,
    /// The backlog of each listening socket; the kernel caps it at net.core.somaxconn. Default `1024`.
    pub backlog: Option<Scalar<u32>>,
    /// Client connections of the whole process. Default `65536`.
    pub max_connections: Option<Scalar<u32>>,
}
