//! The comparison from beginning to end.

mod ground;
mod show;

use std::io;

use crate::options::Compare;
use crate::report::table;
use crate::scenario::{self, Scenario};

use ground::Ground;

/// Runs the comparison and prints its tables. Says whether every round counts.
///
/// # Errors
/// That nothing can be compared, or what the system says.
pub fn run(options: &Compare) -> io::Result<bool> {
    let scenarios: Vec<&Scenario> = match options.scenario.as_slice() {
        [] => scenario::ALL.iter().collect(),
        some => some.to_vec(),
    };
    if options.show_config {
        show::configs(options, &scenarios)?;
        return Ok(true);
    }
    let ground = Ground::new(options)?;
    let mut report = ground.open_report();
    let mut all_ran = true;
    for scenario in scenarios {
        for origin in ground.origins() {
            match ground.compare(scenario, origin) {
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
            options
                .json
                .as_deref()
                .map_or(Ok(()), |path| report.write(path))?;
        }
    }
    if !report.is_clean() {
        println!("Some rounds are void; the figures leave them out.");
    }
    Ok(all_ran && report.is_clean())
}
