//! The table: Markdown that reads as well in a terminal.

use crate::report::summary::{Comparison, Row};
use crate::stats::Spread;

/// What stands where there is no figure.
const NOTHING: &str = "–";

/// The columns that every table has.
const COLUMNS: [&str; 13] = [
    "proxy",
    "req/s",
    "CPU µs/req",
    "user",
    "system",
    "core %",
    "p50 µs",
    "p99 µs",
    "p99.9 µs",
    "peak MiB",
    "errors",
    "× nginx",
    "× floor",
];
/// Those that come with idle connections.
const IDLE_COLUMNS: [&str; 2] = ["KiB/idle", "× without"];

/// The one that comes with a cache.
const HITS_COLUMN: &str = "hit %";
/// The one that comes where all clients ask for the same at once.
const FETCHES_COLUMN: &str = "fetches";

/// The table of a comparison under a heading, with what made rounds void below it.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let rate = comparison.rate.map_or(String::new(), |rate| {
        format!(", {} requests a second", thousands(rate))
    });
    let (name, about, origin) = (comparison.scenario, &comparison.about, comparison.origin);
    let heading = format!("### {name}: {about}{rate} · origin {origin}\n\n");
    let rows = comparison.rows();
    let extra = Extra::of(&rows);
    let mut lines = vec![extra.columns()];
    lines.extend(rows.iter().map(|row| cells(row, extra)));
    let voids: String = comparison
        .voids()
        .iter()
        .map(|why| format!("\nVoid: {why}"))
        .collect();
    let gap = if voids.is_empty() { "" } else { "\n" };
    format!("{heading}{}{voids}{gap}", align(&lines))
}

/// Columns that some tables have.
#[derive(Clone, Copy)]
struct Extra {
    idle: bool,
    hits: bool,
    fetches: bool,
}

impl Extra {
    /// Those that these rows have figures for.
    fn of(rows: &[Row]) -> Self {
        Self {
            idle: rows.iter().any(|row| row.idle_bytes.is_some()),
            hits: rows.iter().any(|row| row.hits.is_some()),
            fetches: rows.iter().any(|row| row.fetches.is_some()),
        }
    }

    /// The names of all columns.
    fn columns(self) -> Vec<String> {
        let idle = IDLE_COLUMNS.iter().filter(|_| self.idle);
        let hits = self.hits.then_some(&HITS_COLUMN);
        let fetches = self.fetches.then_some(&FETCHES_COLUMN);
        let all = COLUMNS.iter().chain(idle).chain(hits).chain(fetches);
        all.map(|name| (*name).to_owned()).collect()
    }
}

/// One row.
fn cells(row: &Row, extra: Extra) -> Vec<String> {
    let median = |spread: Option<Spread>, show: fn(f64) -> String| match spread {
        Some(spread) => show(spread.median),
        None => NOTHING.to_owned(),
    };
    let errors = match row.void {
        0 => row.errors.to_string(),
        void => format!("{} (void: {void})", row.errors),
    };
    let mut cells = vec![
        row.peer.to_string(),
        median(row.rate, thousands),
        row.cpu_us
            .map_or(NOTHING.to_owned(), |spread| spread_of(spread, tenths)),
        median(row.user_us, tenths),
        median(row.system_us, tenths),
        median(row.busy, |share| format!("{:.0}", share * 100.0)),
        median(row.p50_us, thousands),
        median(row.p99_us, thousands),
        median(row.p999_us, thousands),
        median(row.peak_memory, |bytes| tenths(bytes / 1024.0 / 1024.0)),
        errors,
        ratio(row.to_nginx),
        ratio(row.to_floor),
    ];
    if extra.idle {
        cells.push(median(row.idle_bytes, |bytes| {
            format!("{:.2}", bytes / 1024.0)
        }));
        cells.push(ratio(row.beside_idle));
    }
    if extra.hits {
        cells.push(median(row.hits, |share| tenths(share * 100.0)));
    }
    if extra.fetches {
        cells.push(median(row.fetches, tenths));
    }
    cells
}

/// A ratio with its spread.
fn ratio(spread: Option<Spread>) -> String {
    spread.map_or(NOTHING.to_owned(), |spread| {
        spread_of(spread, |value| format!("{value:.2}"))
    })
}

/// A median with its least and greatest value, which are left out where they look the same.
pub(super) fn spread_of(spread: Spread, show: impl Fn(f64) -> String) -> String {
    let (median, min, max) = (show(spread.median), show(spread.min), show(spread.max));
    if min == max {
        median
    } else {
        format!("{median} ({min}–{max})")
    }
}

/// One digit after the point.
fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

/// A whole number with commas.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let comma = |place: usize| place > 0 && (digits.len() - place).is_multiple_of(3);
    let with_commas = digits
        .char_indices()
        .map(|(place, digit)| match comma(place) {
            true => format!(",{digit}"),
            false => digit.to_string(),
        });
    with_commas.collect()
}

/// Lines as a Markdown table: the first column to the left, all others to the right.
pub(super) fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let pad = |(column, cell): (usize, &String)| match column {
        0 => format!(" {cell:<width$} ", width = widths[column]),
        _ => format!(" {cell:>width$} ", width = widths[column]),
    };
    let rule = |(column, width): (usize, &usize)| match column {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    };
    let row = |cells: Vec<String>| format!("|{}|\n", cells.join("|"));
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        text += &row(line.iter().enumerate().map(pad).collect());
        if number == 0 {
            text += &row(widths.iter().enumerate().map(rule).collect());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::report::summary::Entry;
    use crate::report::summary::tests::{comparison, round};
    use crate::round::{CacheFigures, Figures};

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(thousands(0.0), "0");
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(1_000.0), "1,000");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(
            ratio(Some(Spread {
                median: 0.817,
                min: 0.8,
                max: 0.9
            })),
            "0.82 (0.80–0.90)"
        );
        assert_eq!(
            ratio(Some(Spread {
                median: 1.0,
                min: 1.0,
                max: 1.0
            })),
            "1.00"
        );
        assert_eq!(ratio(None), "–");
    }

    #[test]
    fn a_table_is_aligned_markdown() {
        let lines = [
            vec!["a".to_owned(), "long".to_owned()],
            vec!["name".to_owned(), "1".to_owned()],
        ];
        assert_eq!(
            align(&lines),
            "| a    | long |\n|------|-----:|\n| name |    1 |\n"
        );
    }

    #[test]
    fn the_table_shows_the_figures() {
        let nginx = Entry {
            peer: Peer::Nginx,
            rounds: vec![round(2.0, 8.0)],
        };
        let ours = Entry {
            peer: Peer::Ringfence,
            rounds: vec![round(1.0, 7.5)],
        };
        let text = render(&comparison(vec![nginx, ours]));
        assert!(text.starts_with("### small: 128 B, 64 connections · origin nginx\n\n| proxy"));
        let row = text.lines().last().unwrap();
        let cells: Vec<&str> = row
            .split('|')
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        let right = [
            "ringfence",
            "30,000",
            "8.5",
            "1.0",
            "7.5",
            "75",
            "800",
            "1,500",
            "12,346",
            "10.0",
            "0",
            "0.85",
            "–",
        ];
        assert_eq!(cells, right);
    }

    #[test]
    fn a_cache_has_columns_of_its_own() {
        let with = |cache| {
            let mut one = round(1.0, 1.0);
            one.figures = one.figures.map(|figures| Figures {
                cache: Some(cache),
                ..figures
            });
            render(&comparison(vec![Entry {
                peer: Peer::Varnish,
                rounds: vec![one],
            }]))
        };
        let hits = with(CacheFigures {
            hits: 0.784,
            fetches: None,
        });
        assert!(
            hits.contains("| hit % |") && hits.contains("|  78.4 |"),
            "{hits}"
        );
        let fetches = with(CacheFigures {
            hits: 0.999,
            fetches: Some(1.0),
        });
        assert!(
            fetches.contains("| fetches |") && !fetches.contains("hit %"),
            "{fetches}"
        );
    }

    #[test]
    fn a_void_round_says_so_below() {
        let mut bad = round(1.0, 1.0);
        bad.void = Some("7 × status not 200".to_owned());
        bad.errors = 7;
        let text = render(&comparison(vec![Entry {
            peer: Peer::Haproxy,
            rounds: vec![bad],
        }]));
        assert!(text.contains("7 (void: 1)"));
        assert!(text.ends_with("\nVoid: haproxy, round 1: 7 × status not 200\n"));
    }
}
