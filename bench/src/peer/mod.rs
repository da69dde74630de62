//! The proxies that are compared, each with its configuration and how to start it.

pub mod floor;
pub mod haproxy;
pub mod installed;
pub mod nginx;
pub mod pingora;
pub mod ringfence;
pub mod site;
pub mod sozu;
pub mod varnish;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use crate::peer::installed::Installed;
use crate::peer::site::{ConfigFile, Site};
use crate::process::Program;
use crate::scenario::Scenario;

/// A proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Pingora, in a small program of ours.
    Pingora,
    /// Sōzu.
    Sozu,
    /// Varnish.
    Varnish,
    /// Ringfence.
    Ringfence,
    /// The relay that does the least a proxy can.
    Floor,
    /// The least that answering from memory costs; it asks no origin.
    Memory,
}

impl Peer {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Nginx,
        Self::Haproxy,
        Self::Pingora,
        Self::Sozu,
        Self::Varnish,
        Self::Ringfence,
        Self::Floor,
        Self::Memory,
    ];
    /// Those that a comparison has unless it is told otherwise: all but the last.
    pub const USUAL: &[Self] = Self::ALL.split_last().expect("there are some").1;

    /// Its name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Pingora => "pingora",
            Self::Sozu => "sozu",
            Self::Varnish => "varnish",
            Self::Ringfence => "ringfence",
            Self::Floor => "floor",
            Self::Memory => "memory",
        }
    }

    /// Whether it serves real traffic somewhere, so that a fixed rate has to be within its limits.
    #[must_use]
    pub const fn is_product(self) -> bool {
        !matches!(self, Self::Floor | Self::Memory)
    }

    /// Finds it. `ringfence` is where that binary was said to be.
    ///
    /// # Errors
    /// What is missing and what brings it.
    pub fn find(self, ringfence: Option<&Path>) -> Result<Installed, String> {
        match self {
            Self::Nginx => installed::find("nginx", "-v", "nginx-light"),
            Self::Haproxy => installed::find("haproxy", "-v", "haproxy"),
            Self::Pingora => installed::find_built(pingora::PROGRAM, "pingora"),
            Self::Sozu => installed::find_built(sozu::PROGRAM, "sozu"),
            Self::Varnish => varnish::find(),
            Self::Ringfence => ringfence::find(ringfence),
            Self::Floor | Self::Memory => floor::find(),
        }
    }

    /// Its configuration for a site, as files.
    #[must_use]
    pub fn configs(self, site: &Site<'_>) -> Vec<ConfigFile> {
        match self {
            Self::Nginx => vec![nginx::config(site)],
            Self::Haproxy => haproxy::configs(site),
            Self::Pingora => vec![pingora::config(site)],
            Self::Sozu => vec![sozu::config(site)],
            Self::Varnish => vec![varnish::config(site)],
            Self::Ringfence => vec![ringfence::config(site)],
            Self::Floor | Self::Memory => Vec::new(),
        }
    }

    /// The arguments with which it is started.
    #[must_use]
    pub fn arguments(self, site: &Site<'_>) -> Vec<OsString> {
        match self {
            Self::Nginx => nginx::arguments(site),
            Self::Haproxy => haproxy::arguments(site),
            Self::Pingora => pingora::arguments(site),
            Self::Sozu => sozu::arguments(site),
            Self::Varnish => varnish::arguments(site),
            Self::Ringfence => ringfence::arguments(site),
            Self::Floor => floor::relay_arguments(site),
            Self::Memory => floor::memory_arguments(site),
        }
    }

    /// Why it takes no part in a scenario; `None` = it does.
    #[must_use]
    pub fn cannot(self, scenario: &Scenario) -> Option<&'static str> {
        match self {
            Self::Nginx => nginx::cannot(scenario),
            Self::Pingora => pingora::cannot(scenario),
            Self::Sozu => sozu::cannot(scenario),
            Self::Varnish => varnish::cannot(scenario),
            Self::Floor => floor::relay_cannot(scenario),
            Self::Memory => floor::memory_cannot(scenario),
            Self::Haproxy | Self::Ringfence => None,
        }
    }

    /// Who takes its place in a scenario: where the cache answers, the floor is what answers from memory.
    #[must_use]
    pub fn in_scenario(self, scenario: &Scenario) -> Self {
        match self {
            Self::Floor if scenario.cache.is_some() => Self::Memory,
            peer => peer,
        }
    }

    /// Whether it writes an access log where the scenario says so.
    #[must_use]
    pub const fn has_access_log(self) -> bool {
        self.is_product()
    }

    /// Writes its files and says how to start it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn prepare(self, installed: &Installed, site: &Site<'_>) -> io::Result<Program> {
        for file in self.configs(site) {
            fs::write(site.dir.join(file.name), file.text)?;
        }
        // HAProxy writes its log to standard output; for the others that file is the log or stays empty.
        let stdout = if self == Self::Haproxy {
            site.access_log()
        } else {
            site.dir.join("stdout")
        };
        Ok(Program {
            name: self.name().to_owned(),
            command: std::iter::once(installed.program.clone().into())
                .chain(self.arguments(site))
                .collect(),
            cpus: site.cpus.clone(),
            stdout,
            stderr: site.dir.join("stderr"),
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let known = Self::ALL.into_iter().find(|peer| peer.name() == text);
        known.ok_or_else(|| format!("no peer is called `{text}`; there are {names}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::machine::Cpus;
    use crate::origin::place::addresses;
    use crate::scenario;

    /// The files of `peer` for the scenario called `name`.
    pub(crate) fn files(peer: Peer, name: &str) -> Vec<ConfigFile> {
        let scenario = scenario::find(name).unwrap();
        let site = Site {
            dir: Path::new("/d"),
            scenario,
            listen: "127.0.0.1:8080".parse().unwrap(),
            admin: "127.0.0.1:9901".parse().unwrap(),
            servers: &addresses(scenario.servers, 9_000),
            cpus: &Cpus(vec![0]),
            workers: 1,
            descriptors: 20_000,
        };
        peer.configs(&site)
    }

    #[test]
    fn every_template_fills_for_every_scenario() {
        for scenario in &scenario::ALL {
            for peer in Peer::ALL {
                for file in files(peer, scenario.name) {
                    assert!(!file.text.contains("{{"), "{peer} {}", scenario.name);
                }
            }
        }
    }

    #[test]
    fn every_server_is_named_in_every_file() {
        for peer in Peer::ALL.into_iter().filter(|peer| peer.is_product()) {
            let text = &files(peer, "servers")[0].text;
            for server in addresses(1_000, 9_000) {
                assert!(text.contains(&server.to_string()), "{peer}: {server}");
            }
        }
    }

    #[test]
    fn a_cache_is_held_against_what_answers_from_memory() {
        let floor = |name| Peer::Floor.in_scenario(scenario::find(name).unwrap());
        assert_eq!((floor("small"), floor("hit")), (Peer::Floor, Peer::Memory));
        let cannot = |peer: Peer, name| peer.cannot(scenario::find(name).unwrap()).is_some();
        assert!(!cannot(Peer::Memory, "hit") && cannot(Peer::Memory, "mixed"));
        for peer in [Peer::Pingora, Peer::Sozu, Peer::Floor] {
            assert!(cannot(peer, "hit") && !cannot(peer, "small"), "{peer}");
        }
        assert!(cannot(Peer::Varnish, "small") && !cannot(Peer::Varnish, "hit"));
    }

    #[test]
    fn names_read_and_print() {
        for peer in Peer::ALL {
            assert_eq!(peer.to_string().parse(), Ok(peer));
        }
        assert!("squid".parse::<Peer>().unwrap_err().contains("haproxy"));
    }
}
