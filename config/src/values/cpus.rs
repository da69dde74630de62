//! Lists of CPUs and counts of workers.

use std::str::FromStr;

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A list of CPUs: `0-3,6`. Ascending, none twice, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuList(pub Vec<usize>);

impl FromStr for CpuList {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(text, first)?, number(text, last)?);
            if first > last {
                return Err(
                    Wrong::new(format!("the CPU range {} runs backwards", quoted(part)))
                        .help(format!("`{last}-{first}`")),
                );
            }
            cpus.extend(first..=last);
        }
        let written = cpus.len();
        cpus.sort_unstable();
        cpus.dedup();
        if cpus.len() < written {
            return Err(Wrong::new(format!(
                "the CPU list {} names a CPU twice",
                quoted(text)
            )));
        }
        Ok(Self(cpus))
    }
}

impl CpuList {
    /// The text that reads back as this list.
    #[must_use]
    pub fn show(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for &cpu in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        let shown = ranges.iter().map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        });
        shown.collect::<Vec<_>>().join(",")
    }
}

fn number(list: &str, text: &str) -> Result<usize, Wrong> {
    let bad = || {
        Wrong::new(format!("{} is not a list of CPUs", quoted(list))).help("for example \"0-3,6\"")
    };
    let cpu = if text.starts_with('+') {
        None
    } else {
        text.parse().ok()
    }
    .ok_or_else(bad)?;
    if cpu >= limits::CPUS {
        return Err(Wrong::new(format!(
            "CPU {cpu} is beyond the largest, {}",
            limits::CPUS - 1
        )));
    }
    Ok(cpu)
}

impl FromScalar for CpuList {
    const WHAT: &'static str = "a list of CPUs such as \"0-3,6\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn from_integer(cpu: i64) -> Result<Self, Wrong> {
        cpu.to_string().parse()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "integer"], "minimum": 0, "pattern": r"^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*|.*\$\{.*)$",
            "examples": ["0-3,6"],
        })
    }
}

impl ToScalar for CpuList {
    fn to_scalar(&self) -> Written {
        self.show().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_ranges() {
        assert_eq!("0-3,6".parse(), Ok(CpuList(vec![0, 1, 2, 3, 6])));
        assert_eq!("6,0".parse(), Ok(CpuList(vec![0, 6])));
        for text in [
            "",
            ",",
            "0-",
            "-1",
            "3-1",
            "0,0",
            "a",
            "0-3,2",
            "99999",
            "0-99999999999",
            "0..3",
            "+1",
            " 1",
        ] {
            assert!(text.parse::<CpuList>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(cpus in prop::collection::btree_set(0..64_usize, 1..20)) {
            let list = CpuList(cpus.into_iter().collect());
            prop_assert_eq!(list.show().parse(), Ok(list));
        }
    }
}
