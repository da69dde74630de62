//! The command line.

mod floor;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::floor::Floor;
use crate::compare;
use crate::growth;
use crate::machine::Cpus;
use crate::options::{Compare, Growth};
use crate::origin::alone;
use crate::process::launch;

/// Ringfence beside nginx, HAProxy, Varnish and the floor, on this machine.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the comparison and print a table for each scenario and origin.
    Compare(Compare),
    /// Run `small` with more and more connections, routes, servers and cores, and hits on more and more objects, and draw
    /// what that costs.
    Growth(Growth),
    /// Become another program, kept on some CPUs (the comparison starts everything this way).
    #[command(hide = true)]
    Launch {
        /// The CPUs.
        #[arg(long)]
        cpus: Cpus,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Be the origin that answers each request alone.
    #[command(hide = true)]
    Origin {
        /// Have answers say for how long they may be kept.
        #[arg(long)]
        cacheable: bool,
        /// Where to listen.
        #[arg(required = true)]
        addresses: Vec<SocketAddr>,
    },
    /// Be one of the relays that do the least a proxy can.
    #[command(hide = true, subcommand)]
    Floor(Floor),
}

impl Cli {
    /// Does what was asked for.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Compare(options) => compare::run(&options),
            Command::Growth(options) => growth::run(&options),
            Command::Launch { cpus, command } => Err(launch::become_program(&cpus, &command)),
            Command::Origin {
                cacheable,
                addresses,
            } => alone::serve(&addresses, cacheable).map(|()| true),
            Command::Floor(floor) => floor.run().map(|()| true),
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("ringfence-bench: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::origin::Kind;
    use crate::peer::Peer;

    fn compare(arguments: &[&str]) -> Result<Compare, clap::Error> {
        let all = ["ringfence-bench", "compare"].iter().chain(arguments);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Compare(options) => options,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let options = compare(&[
            "--scenario",
            "small,1m",
            "--peers",
            "nginx,floor",
            "--origins",
            "alone",
        ])
        .unwrap();
        let names: Vec<&str> = options
            .scenario
            .iter()
            .map(|scenario| scenario.name)
            .collect();
        assert_eq!(names, ["small", "1m"]);
        assert_eq!(options.run.peers, [Peer::Nginx, Peer::Floor]);
        assert_eq!(options.origins, [Kind::Alone]);
    }

    #[test]
    fn the_defaults_are_the_usual_peers_and_both_origins() {
        let options = compare(&[]).unwrap();
        assert_eq!(options.run.peers, Peer::USUAL);
        assert_eq!(options.origins, Kind::ALL);
        assert!(options.scenario.is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            ["--scenario", "huge"],
            ["--rounds", "0"],
            ["--seconds", "0"],
            ["--seconds", "inf"],
            ["--workers", "0"],
            ["--peers", "squid"],
            ["--load-cpus", "x"],
        ] {
            assert!(compare(&bad).is_err(), "{bad:?}");
        }
    }
}
