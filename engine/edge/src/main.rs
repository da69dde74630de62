//! The Ringfence binary: command line, workers, signals, reload.
//!
//! | module | holds |
//! |---|---|
//! | `cli` | every subcommand and flag |
//! | `source` | where the plan comes from |
//! | `serve` | a serving process, from its start to its drain |
//! | `demo` | three origin servers to balance over |
//! | `remote` | `reload`, `purge`, `warm`, `explain` and `stop`, which talk to a running process |
//! | `inspect` | the commands that start nothing |
//! | `cpus` | which CPUs the workers get |
//! | `failure`, `terminal`, `progress` | what the user is told, and where |

mod cli;
mod cpus;
mod demo;
mod failure;
mod inspect;
mod progress;
mod remote;
mod serve;
mod source;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use ringfence_config::{OrOff, Quick};
use ringfence_control::tell;

use crate::cli::{Cli, Command, DemoArgs, ProxyArgs};
use crate::failure::Failure;
use crate::source::Source;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(terminal::report_panic));
    // clap answers for itself: help and version with exit 0, a bad command line with exit 2.
    let code = match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure);
            ExitCode::from(failure.code())
        }
    };
    terminal::flush();
    code
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo(&args),
        Command::Proxy(args) => proxy(args),
        Command::Run(args) => {
            let source = Source::file(args.file.path, args.tuning.overrides());
            serve::serve(source, |_| Ok(()))
        }
        Command::Check(args) => inspect::check(args),
        Command::Config(args) => inspect::config(args),
        Command::Reload(args) => remote::reload(&args),
        Command::Purge(args) => remote::purge(args),
        Command::Warm(args) => remote::warm(&args),
        Command::Explain(args) => remote::explain(args),
        Command::Stop(args) => remote::stop(&args),
        Command::Completions { shell } => inspect::completions(shell),
        Command::Schema => inspect::schema(),
    }
}

fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let demo = demo::Demo::start(args)?;
    serve::serve(demo.source(), |started| {
        terminal::print(&demo.guide(started))
    })
}

fn proxy(args: ProxyArgs) -> Result<(), Failure> {
    let quick = Quick {
        from: args.from,
        to: args.to,
        balance: Some(args.balance),
    };
    let mut overrides = args.tuning.overrides();
    // Two of these side by side must not fight over one default path.
    overrides.control.get_or_insert(OrOff::Off);
    serve::serve(Source::quick(quick, overrides), |_| Ok(()))
}
