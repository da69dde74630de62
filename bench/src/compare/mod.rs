//! The comparison from beginning to end.

mod show;

use std::io;

use crate::ground::Ground;
use crate::machine::Cpus;
use crate::options::Compare;
use crate::origin::Kind;
use crate::peer::installed::find_program;
use crate::report::json::Report;
use crate::report::summary::Comparison;
use crate::report::{results, table, targets};
use crate::round::contest::Contest;
use crate::scenario::{self, Scenario};
use crate::wrk;

/// Runs the comparison and prints its tables. Says whether every round counts.
///
/// # Errors
/// That nothing can be compared, or what the system says.
pub fn run(options: &Compare) -> io::Result<bool> {
    let allowed = Cpus::allowed()?;
    let scenarios: Vec<&Scenario> = match options.scenario.as_slice() {
        [] => scenario::ALL.iter().collect(),
        some => some.to_vec(),
    };
    if options.show_config {
        show::configs(options, &scenarios, &allowed);
        return Ok(true);
    }
    let ground = Ground::new(&options.run, &allowed)?;
    let origins = origins(options);
    let mut report = ground.open_report();
    let mut all_ran = true;
    let after = |contests: &[Contest<'_>]| {
        if options.wrk {
            wrk::report(contests)
        }
    };
    for scenario in scenarios {
        for origin in scenario.origins(&origins) {
            match compare(&ground, options, scenario, origin, after) {
                Ok(comparison) => {
                    println!("{}", table::render(&comparison));
                    report.add(comparison);
                }
                Err(error) => {
                    println!(
                        "### {}: not run with origin {origin}: {error}\n",
                        scenario.name
                    );
                    all_ran = false;
                }
            }
            // After each table, so that an interrupted run leaves what it has.
            write(options, &report)?;
        }
    }
    println!("{}", targets::render(&report.targets));
    if !report.is_clean() {
        println!("Some rounds are void; the figures leave them out.");
    }
    Ok(all_ran && report.is_clean())
}

/// Compares in one scenario, on ground of its own where that is to have more cores.
fn compare(
    ground: &Ground<'_>,
    options: &Compare,
    scenario: &Scenario,
    origin: Kind,
    after: impl FnOnce(&[Contest<'_>]),
) -> io::Result<Comparison> {
    if scenario.cores == 1 {
        return ground.compare(scenario, origin, options.rate, after);
    }
    let mut run = options.run.clone();
    run.workers *= scenario.cores;
    run.load_threads.get_or_insert(options.run.workers);
    let wide = Ground::new(&run, ground.allowed())?;
    wide.compare(scenario, origin, options.rate, after)
}

/// The origins that were asked for and are there.
fn origins(options: &Compare) -> Vec<Kind> {
    let is_there = |kind: &Kind| *kind != Kind::Nginx || find_program("nginx").is_some();
    let (there, missing): (Vec<Kind>, Vec<Kind>) =
        options.origins.iter().copied().partition(is_there);
    if !missing.is_empty() {
        println!("Missing: the nginx origin; Debian's package is nginx-light.");
    }
    there
}

/// Writes the files that were asked for.
fn write(options: &Compare, report: &Report) -> io::Result<()> {
    options
        .json
        .as_deref()
        .map_or(Ok(()), |path| report.write(path))?;
    options
        .results
        .as_deref()
        .map_or(Ok(()), |dir| results::write(report, dir))
}
