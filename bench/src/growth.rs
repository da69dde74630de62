//! What a request costs as there is more of something: connections, routes, servers, cores, objects in the cache.

use std::fs;
use std::io;

use crate::ground::Ground;
use crate::machine::Cpus;
use crate::options::{Axis, Growth, Run};
use crate::report::chart::{self, Curves, Point};
use crate::report::json::Report;
use crate::report::{table, targets};
use crate::scenario::{self, Scenario};

/// Runs the scenario `small` again and again, each time with more of one thing; prints the tables and draws the curves.
/// Says whether every round counts.
///
/// # Errors
/// That nothing can be compared, or what the system says.
pub fn run(options: &Growth) -> io::Result<bool> {
    let allowed = Cpus::allowed()?;
    let mut report: Option<Report> = None;
    let mut all = Vec::new();
    for axis in &options.axes {
        let mut curves = Curves {
            axis: axis.name(),
            points: Vec::new(),
        };
        let mut ends = Vec::new();
        for value in values(*axis, &allowed) {
            let (scenario, run) = at(*axis, value, &options.run);
            let ground = Ground::new(&run, &allowed)?;
            let report = report.get_or_insert_with(|| ground.open_report());
            let origin = scenario.origin.unwrap_or(options.origin);
            let mut comparison = ground.compare(&scenario, origin, None, |_| {})?;
            comparison.about = format!("with {} = {value}", axis.name());
            println!("{}", table::render(&comparison));
            ends.push(comparison.clone());
            curves.points.push(Point {
                value,
                rows: comparison.rows(),
            });
            report.add(comparison);
            options
                .json
                .as_deref()
                .map_or(Ok(()), |path| report.write(path))?;
        }
        if let (Axis::Entries, [first, .., last]) = (*axis, ends.as_slice()) {
            println!("{}", targets::of_entries(first, last));
        }
        all.push(curves);
        options
            .svg
            .as_deref()
            .map_or(Ok(()), |path| fs::write(path, chart::draw(&all)))?;
    }
    Ok(report.is_some_and(|report| report.is_clean()))
}

/// How many there are of what grows, step by step.
fn values(axis: Axis, allowed: &Cpus) -> Vec<usize> {
    match axis {
        Axis::Connections => vec![1, 8, 64, 256, 1_000, 2_000],
        Axis::Routes => vec![1, 100, 1_000, 10_000],
        Axis::Servers => vec![3, 30, 300, 1_000],
        Axis::Entries => vec![1_000, 30_000, 1_000_000],
        Axis::Workers => std::iter::successors(Some(1), |workers| Some(workers * 2))
            .take_while(|workers| *workers <= allowed.0.len())
            .collect(),
    }
}

/// The scenario and the run with `value` of what grows.
fn at(axis: Axis, value: usize, run: &Run) -> (Scenario, Run) {
    let mut scenario = scenario::ALL[0].clone();
    let mut run = run.clone();
    match axis {
        Axis::Connections => scenario.connections = value,
        Axis::Routes => scenario.routes = value,
        Axis::Servers => scenario.servers = value,
        Axis::Workers => run.workers = value,
        Axis::Entries => scenario = scenario::hits_on(value),
    }
    (scenario, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_grows() {
        let allowed = Cpus(vec![0, 1, 2, 3]);
        for axis in Axis::ALL {
            let values = values(axis, &allowed);
            assert!(values.len() > 1 && values.is_sorted(), "{axis}");
        }
        assert_eq!(values(Axis::Workers, &allowed), [1, 2, 4]);
    }

    #[test]
    fn what_grows_is_the_small_scenario() {
        assert_eq!(scenario::ALL[0].name, "small");
    }
}
