//! Settings from the command line and its environment. Each wins over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::plan::observe::{LogFormat, LogTarget};
use crate::plan::workers::{DriverChoice, WorkerCount};
use crate::values::cpus::CpuList;
use crate::values::off::OrOff;

/// Settings from flags; `None` leaves the file's. Each type has `FromStr`, whose error ([`crate::Wrong`]) is what to
/// show the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--workers N|auto`
    pub workers: Option<WorkerCount>,
    /// `--cpus 0-3,6`
    pub cpus: Option<CpuList>,
    /// `--no-pin` is `Some(false)`.
    pub pin: Option<bool>,
    /// `--ring-entries N`
    pub ring_entries: Option<u32>,
    /// `--driver auto|native|monoio|epoll`
    pub driver: Option<DriverChoice>,
    /// `--backlog N`
    pub backlog: Option<u32>,
    /// `--max-connections N`
    pub max_connections: Option<u32>,
    /// `--admin ADDRESS|off`
    pub admin: Option<OrOff<SocketAddr>>,
    /// `--control PATH|off`
    pub control: Option<OrOff<PathBuf>>,
    /// `--access-log json|combined|off`
    pub access_log: Option<LogFormat>,
    /// `--access-log-to stdout|PATH|syslog:…`
    pub access_log_to: Option<LogTarget>,
}
