//! The command line of the two relays.

use std::io;
use std::net::SocketAddr;

use clap::{Args, Subcommand};
use ringfence_floor::Manner;

use crate::body;
use crate::machine::{Cpus, raise_descriptor_limit};

/// The two relays.
#[derive(Debug, Subcommand)]
pub(super) enum Floor {
    /// Ask a server.
    Relay {
        #[command(flatten)]
        options: FloorOptions,
        /// The servers.
        #[arg(long, required = true)]
        to: Vec<SocketAddr>,
    },
    /// Answer from memory.
    Memory {
        #[command(flatten)]
        options: FloorOptions,
        /// Bytes of the answer's body.
        #[arg(long)]
        body: usize,
    },
}

/// What both relays take.
#[derive(Debug, Args)]
pub(super) struct FloorOptions {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// How many threads.
    #[arg(long)]
    workers: usize,
    /// The CPUs to bind them to.
    #[arg(long)]
    cpus: Cpus,
    /// Bytes of each receive buffer.
    #[arg(long)]
    buffer: usize,
    /// Messages are long.
    #[arg(long, conflicts_with = "close")]
    long: bool,
    /// Close each connection after its answer.
    #[arg(long)]
    close: bool,
}

impl Floor {
    /// Runs one until it fails.
    pub(super) fn run(self) -> io::Result<()> {
        raise_descriptor_limit();
        match self {
            Self::Relay { options, to } => ringfence_floor::relay(&options.into(), &to),
            Self::Memory { options, body } => {
                ringfence_floor::memory(&options.into(), body::of(body))
            }
        }
    }
}

impl From<FloorOptions> for ringfence_floor::Options {
    fn from(options: FloorOptions) -> Self {
        let manner = match (options.long, options.close) {
            (true, _) => Manner::Long,
            (_, true) => Manner::Close,
            _ => Manner::Short,
        };
        Self {
            listen: options.listen,
            workers: options.workers,
            cpus: options.cpus.0,
            buffer: options.buffer,
            manner,
        }
    }
}
