//! `ringfence-gate`: how many instructions a request takes, beside the committed figure.

use std::env;
use std::env::consts::ARCH;
use std::fs;
use std::io;
use std::process::ExitCode;

use ringfence_gate::figure::{self, FILE, TOLERANCE, Verdict};
use ringfence_gate::{callgrind, dialogue};

/// The product's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: ringfence-gate [check|set]
  check  counts the instructions of a request, and fails where those are too many (the default)
  set    counts them, and writes them down as the figure to hold";

fn main() -> ExitCode {
    let word = env::args().nth(1);
    let done = match word.as_deref() {
        None | Some("check") => measure().and_then(check),
        Some("set") => measure().and_then(set),
        Some("dialogue") => Ok(dialogue::hold() > 0),
        Some(_) => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Instructions a request.
fn measure() -> io::Result<f64> {
    let counted = callgrind::count(&env::current_exe()?, "dialogue")?;
    Ok(counted as f64 / dialogue::REQUESTS as f64)
}

/// Says how the figure stands; whether it may pass.
fn check(measured: f64) -> io::Result<bool> {
    let Some(committed) = figure::committed(&fs::read_to_string(FILE)?, ARCH) else {
        println!(
            "{measured:.0} instructions a request, and no figure for {ARCH} to compare that with"
        );
        return Ok(true);
    };
    println!("{measured:.0} instructions a request; {committed:.0} are committed for {ARCH}");
    match figure::judge(measured, committed) {
        Verdict::Same => {}
        Verdict::Cheaper(percent) => println!(
            "That is {percent:.1} % less. Commit it, so that it is kept: `ringfence-gate set` writes it down."
        ),
        Verdict::Dearer(percent) => {
            println!(
                "That is {percent:.1} % more, and {TOLERANCE} % are let through. Make the request path cheaper; or, where \
                 what it does now is worth that, have `ringfence-gate set` write the figure down, and commit it with the reason."
            );
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes the figure down.
fn set(measured: f64) -> io::Result<bool> {
    let file = figure::with(&fs::read_to_string(FILE)?, ARCH, measured);
    fs::write(FILE, file)?;
    println!("{measured:.0} instructions a request, written to {FILE}");
    Ok(true)
}
