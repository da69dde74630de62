//! The committed figure, and what a new one is to it.

use std::fmt::Write as _;

use crate::dialogue::Kind;

/// The file of the committed figures, one a line: an architecture, a dialogue and the instructions that a request of it
/// takes there.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions");

/// How much more than the committed figure is let through, in percent. It is there for other compilers and C
/// libraries: on one machine the count strays by far less.
pub const TOLERANCE: f64 = 3.0;

/// What a measured figure is to the committed one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Near it.
    Same,
    /// More, by so many percent.
    Dearer(f64),
    /// Less, by so many percent.
    Cheaper(f64),
}

/// The committed figure of a dialogue on an architecture.
#[must_use]
pub fn committed(text: &str, architecture: &str, kind: Kind) -> Option<f64> {
    let start = start(architecture, kind);
    let figure = text.lines().find_map(|line| line.strip_prefix(&start))?;
    figure.trim().parse().ok()
}

/// The file with another figure for a dialogue on an architecture; what it says besides stays.
#[must_use]
pub fn with(text: &str, architecture: &str, kind: Kind, measured: f64) -> String {
    let start = start(architecture, kind);
    let mut file = String::new();
    for line in text.lines().filter(|line| !line.starts_with(&start)) {
        file.push_str(line);
        file.push('\n');
    }
    let _ = writeln!(file, "{start}{measured:.0}");
    file
}

/// How its line starts.
fn start(architecture: &str, kind: Kind) -> String {
    format!("{architecture} {kind} ")
}

/// Judges a measured figure.
#[must_use]
pub fn judge(measured: f64, committed: f64) -> Verdict {
    let percent = (measured / committed - 1.0) * 100.0;
    if percent > TOLERANCE {
        Verdict::Dearer(percent)
    } else if percent < -TOLERANCE {
        Verdict::Cheaper(-percent)
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_percent_are_let_through() {
        assert_eq!(judge(102.9, 100.0), Verdict::Same);
        assert_eq!(judge(97.1, 100.0), Verdict::Same);
        assert!(matches!(judge(103.1, 100.0), Verdict::Dearer(_)));
        assert!(matches!(judge(96.9, 100.0), Verdict::Cheaper(_)));
    }

    #[test]
    fn a_figure_is_found_and_replaced() {
        let file = "# words\naarch64 relayed 5000\nx86_64 relayed 4000\nx86_64 hit 3000\n";
        assert_eq!(committed(file, "x86_64", Kind::Relayed), Some(4000.0));
        assert_eq!(committed(file, "x86_64", Kind::Hit), Some(3000.0));
        assert_eq!(committed(file, "aarch64", Kind::Hit), None);
        let new = with(file, "aarch64", Kind::Relayed, 4321.4);
        assert_eq!(
            new,
            "# words\nx86_64 relayed 4000\nx86_64 hit 3000\naarch64 relayed 4321\n"
        );
    }

    #[test]
    fn the_committed_file_is_of_this_form() {
        let file = std::fs::read_to_string(FILE).unwrap();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [architecture, kind, _] = words[..] else {
                panic!("an architecture, a dialogue and a figure: {line}");
            };
            let kind = kind.parse().expect("a dialogue");
            assert!(committed(&file, architecture, kind).is_some_and(|figure| figure > 0.0));
        }
    }
}
