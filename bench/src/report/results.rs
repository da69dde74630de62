//! Results to be kept: files named by date and CPU.

use std::fs;
use std::io;
use std::path::Path;

use crate::report::json::Report;
use crate::report::{table, targets};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Writes the report and its tables to two files of `dir`, such as `2026-01-31-amd-epyc.json` and `.md`.
///
/// # Errors
/// What the file system says.
pub fn write(report: &Report, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let stem = format!("{}-{}", date(report.unix_time), slug(&report.machine.cpu));
    report.write(&dir.join(format!("{stem}.json")))?;
    fs::write(dir.join(format!("{stem}.md")), markdown(report))
}

/// The tables under what made them.
fn markdown(report: &Report) -> String {
    let machine = &report.machine;
    let command = report.command.join(" ");
    let (date, cpu) = (date(report.unix_time), &machine.cpu);
    let (proxy, load) = (&report.cpus.proxy, &report.cpus.load);
    let mut text = format!(
        "# {date}, {cpu}\n{machine}; proxy on CPU {proxy}, origin and load on CPU {load}.\n"
    );
    for (peer, version) in &report.versions {
        text += &format!("- {peer}: {version}\n");
    }
    text += &format!("\n    {command}\n");
    for detailed in &report.comparisons {
        text += &format!("\n{}", table::render(&detailed.comparison));
    }
    text + "\n" + &targets::render(&report.targets)
}

/// The day of a time in seconds since 1970, as in ISO 8601 (Howard Hinnant's `civil_from_days`).
fn date(unix_time: u64) -> String {
    let days = unix_time / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A name as part of a file name: letters and digits, everything else one dash.
fn slug(name: &str) -> String {
    let words = name
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::report::json::tests::report;
    use crate::report::summary::Entry;
    use crate::report::summary::tests::{comparison, round};

    #[test]
    fn days_are_named_as_the_calendar_does() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (time, day) in cases {
            assert_eq!(date(time), day);
        }
    }

    #[test]
    fn names_become_parts_of_file_names() {
        assert_eq!(slug("AMD EPYC 7B13 64-Core"), "amd-epyc-7b13-64-core");
        assert_eq!(
            slug("Intel(R) Xeon(R) CPU @ 2.20GHz"),
            "intel-r-xeon-r-cpu-2-20ghz"
        );
    }

    #[test]
    fn both_files_are_written() {
        let mut report = report();
        report.unix_time = 1_767_225_600;
        report.machine.cpu = "Some CPU".to_owned();
        report.add(comparison(vec![Entry {
            peer: Peer::Nginx,
            rounds: vec![round(2.0, 8.0)],
        }]));
        let dir = tempfile::tempdir().unwrap();
        write(&report, dir.path()).unwrap();
        let text = fs::read_to_string(dir.path().join("2026-01-01-some-cpu.md")).unwrap();
        assert!(text.starts_with("# 2026-01-01, Some CPU\n2 CPUs, Linux "));
        assert!(text.contains("\n### small: 128 B, 64 connections · origin nginx\n\n| proxy"));
        assert!(dir.path().join("2026-01-01-some-cpu.json").is_file());
    }
}
