//! `ringfence-gate`: how many instructions a request takes, beside the committed figure.

use std::env;
use std::env::consts::ARCH;
use std::fs;
use std::io;
use std::process::ExitCode;

use ringfence_gate::callgrind;
use ringfence_gate::dialogue::{self, Kind};
use ringfence_gate::figure::{self, FILE, TOLERANCE, Verdict};

/// The product's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: ringfence-gate [check|set|dialogue KIND]
  check  counts the instructions of a request of each kind, and fails where those are too many (the default)
  set    counts them, and writes them down as the figures to hold
  dialogue relayed|hit  has that many requests served, to be counted by";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] | ["check"] => of_all(check),
        ["set"] => of_all(set),
        ["dialogue", kind] => kind
            .parse()
            .map(|kind| dialogue::hold(kind).served > 0)
            .map_err(|()| io::Error::other(USAGE)),
        _ => Err(io::Error::other(USAGE)),
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

/// Does `act` with the instructions of a request of every kind; whether all may pass.
fn of_all(act: fn(Kind, f64) -> io::Result<bool>) -> io::Result<bool> {
    let mut pass = true;
    for kind in Kind::ALL {
        pass &= act(kind, measure(kind)?)?;
    }
    Ok(pass)
}

/// Instructions a request.
fn measure(kind: Kind) -> io::Result<f64> {
    let arguments = ["dialogue", &kind.to_string()];
    let counted = callgrind::count(&env::current_exe()?, &arguments)?;
    Ok(counted as f64 / dialogue::REQUESTS as f64)
}

/// Says how a figure stands; whether it may pass.
fn check(kind: Kind, measured: f64) -> io::Result<bool> {
    let Some(committed) = figure::committed(&fs::read_to_string(FILE)?, ARCH, kind) else {
        println!(
            "{kind}: {measured:.0} instructions a request, and no figure for {ARCH} to compare that with"
        );
        return Ok(true);
    };
    println!(
        "{kind}: {measured:.0} instructions a request; {committed:.0} are committed for {ARCH}"
    );
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

/// Writes a figure down.
fn set(kind: Kind, measured: f64) -> io::Result<bool> {
    let file = figure::with(&fs::read_to_string(FILE)?, ARCH, kind, measured);
    fs::write(FILE, file)?;
    println!("{kind}: {measured:.0} instructions a request, written to {FILE}");
    Ok(true)
}
