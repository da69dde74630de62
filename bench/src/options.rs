//! What the tool is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::machine::Cpus;
use crate::origin::Kind;
use crate::peer::Peer;
use crate::scenario::{self, Scenario};

/// Who takes part, where, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// How many rounds each proxy runs, in turn with the others.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How many seconds of each round are measured.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    pub seconds: f64,
    /// How many seconds each round runs before that.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub warmup: f64,
    /// The proxies, separated by commas: nginx, haproxy, pingora, sozu, varnish, ringfence, floor, memory.
    #[arg(long, value_delimiter = ',', default_values_t = Peer::USUAL)]
    pub peers: Vec<Peer>,
    /// How many cores each proxy uses.
    #[arg(long, default_value_t = 1, value_parser = workers)]
    pub workers: usize,
    /// The CPUs of the proxy, such as 0 or 0-1; the first ones if not given.
    #[arg(long)]
    pub proxy_cpus: Option<Cpus>,
    /// The CPUs of origin and load; those that the proxy leaves if not given.
    #[arg(long)]
    pub load_cpus: Option<Cpus>,
    /// How many threads the load has; as many as the proxy has cores if not given.
    #[arg(long)]
    pub load_threads: Option<usize>,
    /// The ringfence binary; the one beside this program if not given.
    #[arg(long)]
    pub ringfence: Option<PathBuf>,
}

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct Compare {
    /// Who takes part.
    #[command(flatten)]
    pub run: Run,
    /// The scenarios, separated by commas; all of them if not given.
    #[arg(long, value_delimiter = ',', value_parser = scenario_called)]
    pub scenario: Vec<&'static Scenario>,
    /// The origins behind the proxies, separated by commas: nginx, alone. A few scenarios have one of their own.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub origins: Vec<Kind>,
    /// The rate of `constant` in requests a second; half of the slowest product's limit if not given.
    #[arg(long, value_parser = positive)]
    pub rate: Option<f64>,
    /// Also have wrk load each proxy once, as a check on our own load.
    #[arg(long)]
    pub wrk: bool,
    /// Write everything that was measured to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write everything that was measured, and the tables, to files of this directory named by date and CPU.
    #[arg(long)]
    pub results: Option<PathBuf>,
    /// Print the configuration of each proxy for each scenario, and run nothing.
    #[arg(long)]
    pub show_config: bool,
}

/// What is made to grow.
#[derive(Debug, Clone, Args)]
pub struct Growth {
    /// Who takes part.
    #[command(flatten)]
    pub run: Run,
    /// What grows, separated by commas; everything if not given.
    #[arg(long, value_delimiter = ',', default_values_t = Axis::ALL)]
    pub axes: Vec<Axis>,
    /// The origin behind the proxies.
    #[arg(long, default_value_t = Kind::Nginx)]
    pub origin: Kind,
    /// Draw the curves to this file.
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// Write everything that was measured to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// What can be made to grow while everything else stays as in the scenario `small`, or in hits on objects of its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Axis {
    /// Active connections.
    Connections,
    /// Routes that the proxy has.
    Routes,
    /// Servers behind it.
    Servers,
    /// Cores that it uses.
    Workers,
    /// Objects in its cache.
    Entries,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Connections,
        Self::Routes,
        Self::Servers,
        Self::Workers,
        Self::Entries,
    ];

    /// Its name on the command line and in the drawing.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Routes => "routes",
            Self::Servers => "servers",
            Self::Workers => "workers",
            Self::Entries => "entries",
        }
    }
}

impl std::fmt::Display for Axis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A scenario by its name.
fn scenario_called(name: &str) -> Result<&'static Scenario, String> {
    let names: Vec<&str> = scenario::ALL.iter().map(|scenario| scenario.name).collect();
    scenario::find(name).ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// A number of cores.
fn workers(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|workers| *workers > 0)
        .ok_or_else(|| "at least 1".to_owned())
}

/// A finite number above zero.
fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "a number above 0".to_owned())
}
