//! Where a proxy runs, and the files that it gets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::machine::Cpus;
use crate::scenario::Scenario;

/// Where a proxy runs and what it has to do.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// A directory of its own.
    pub dir: &'a Path,
    /// What is asked of it.
    pub scenario: &'a Scenario,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it may have an admin listener.
    pub admin: SocketAddr,
    /// The servers behind it.
    pub servers: &'a [SocketAddr],
    /// The CPUs that it may use.
    pub cpus: &'a Cpus,
    /// How many cores it has.
    pub workers: usize,
    /// How many descriptors a process may have.
    pub descriptors: u64,
}

/// A configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Its name in the site's directory.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

impl Site<'_> {
    /// Where the access log is.
    #[must_use]
    pub fn access_log(&self) -> PathBuf {
        self.dir.join("access.log")
    }

    /// Client connections to make room for, with as many to servers.
    #[must_use]
    pub fn connections(&self) -> usize {
        let wanted = self.scenario.connections + self.scenario.idle;
        (wanted + wanted / 10 + 1_000).next_power_of_two()
    }
}
