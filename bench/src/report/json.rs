//! Everything that was measured, for machines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::machine::Machine;
use crate::report::summary::{Comparison, Row};
use crate::report::targets::{self, Finding};

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When it was made, in seconds since 1970.
    pub unix_time: u64,
    /// The command that made it, with the program's name for its path.
    pub command: Vec<String>,
    /// What it ran on.
    pub machine: Machine,
    /// What the proxies say about their versions, by name.
    pub versions: Vec<(String, String)>,
    /// Who ran where.
    pub cpus: Placement,
    /// What was found.
    pub comparisons: Vec<Detailed>,
    /// What that is to what Ringfence is held to.
    pub targets: Vec<Finding>,
}

/// Who ran where.
#[derive(Debug, Serialize)]
pub struct Placement {
    /// The CPUs of the proxy.
    pub proxy: String,
    /// The CPUs of origin and load.
    pub load: String,
    /// How many cores the proxy used.
    pub workers: usize,
}

/// A comparison with its summary.
#[derive(Debug, Serialize)]
pub struct Detailed {
    /// Every round.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What the table shows.
    pub summary: Vec<Row>,
}

impl Report {
    /// A report of this moment without a comparison yet.
    #[must_use]
    pub fn new(machine: Machine, versions: Vec<(String, String)>, cpus: Placement) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            unix_time: now.map_or(0, |since| since.as_secs()),
            command: command(),
            machine,
            versions,
            cpus,
            comparisons: Vec::new(),
            targets: targets::judge(&[]),
        }
    }

    /// Adds a comparison.
    pub fn add(&mut self, comparison: Comparison) {
        let summary = comparison.rows();
        self.comparisons.push(Detailed {
            comparison,
            summary,
        });
        let all: Vec<&Comparison> = self
            .comparisons
            .iter()
            .map(|detailed| &detailed.comparison)
            .collect();
        self.targets = targets::judge(&all);
    }

    /// Whether every round counts.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.comparisons
            .iter()
            .all(|detailed| detailed.summary.iter().all(|row| row.void == 0))
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.flush()
    }
}

/// The command line, without the path of this program, which says nothing.
fn command() -> Vec<String> {
    let arguments = std::env::args().skip(1);
    std::iter::once(env!("CARGO_PKG_NAME").to_owned())
        .chain(arguments)
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::machine::Cpus;
    use crate::peer::Peer;
    use crate::report::summary::Entry;
    use crate::report::summary::tests::{comparison, round};

    /// An empty report.
    pub(crate) fn report() -> Report {
        Report::new(
            Machine::with_cpus(&Cpus(vec![0, 1])),
            Vec::new(),
            Placement {
                proxy: "0".to_owned(),
                load: "1".to_owned(),
                workers: 1,
            },
        )
    }

    #[test]
    fn a_report_holds_rounds_and_summary() {
        let mut report = report();
        report.add(comparison(vec![Entry {
            peer: Peer::Nginx,
            rounds: vec![round(2.0, 8.0)],
        }]));
        assert!(report.is_clean());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        report.write(&path).unwrap();
        let read: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let first = &read["comparisons"][0];
        assert_eq!(first["scenario"], "small");
        assert_eq!(first["summary"][0]["cpu_us"]["median"], 10.0);
        assert_eq!(
            first["entries"][0]["rounds"][0]["figures"]["requests"],
            60_000
        );
    }

    #[test]
    fn a_void_round_makes_it_unclean() {
        let mut bad = round(1.0, 1.0);
        bad.void = Some("it did not answer".to_owned());
        let mut report = report();
        report.add(comparison(vec![Entry {
            peer: Peer::Nginx,
            rounds: vec![bad],
        }]));
        assert!(!report.is_clean());
    }
}
