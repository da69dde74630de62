//! `ringfence-bench`: Ringfence beside nginx, HAProxy and the floor, on this machine.

use std::process::ExitCode;

use clap::Parser;
use ringfence_bench::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
