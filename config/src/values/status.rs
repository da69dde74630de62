//! Sets of response statuses: `200-299`, `5xx`, `404`, `"200-299,404"`.

use std::ops::RangeInclusive;
use std::str::FromStr;

use schemars::{Schema, json_schema};

use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A set of response statuses, each from 100 to 599.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusSet(pub Vec<RangeInclusive<u16>>);

impl StatusSet {
    /// Whether the set has this status.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// Whether the set has no status at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of its ranges as a set of its own.
    pub fn parts(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.iter().map(|range| Self(vec![range.clone()]))
    }

    /// The text that reads back as this set.
    #[must_use]
    pub fn show(&self) -> String {
        let shown = self
            .0
            .iter()
            .map(|range| match range.start() == range.end() {
                true => range.start().to_string(),
                false => format!("{}-{}", range.start(), range.end()),
            });
        shown.collect::<Vec<_>>().join(",")
    }
}

impl FromStr for StatusSet {
    type Err = Wrong;

    /// Ranges, classes and single statuses with commas between them; an empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(',')
            .map(|part| range(text, part.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn range(text: &str, part: &str) -> Result<RangeInclusive<u16>, Wrong> {
    if let Some(class) = class(part) {
        return Ok(class);
    }
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (status(text, first)?, status(text, last)?);
    if first > last {
        return Err(
            Wrong::new(format!("the range {} runs backwards", quoted(part)))
                .help(format!("\"{last}-{first}\"")),
        );
    }
    Ok(first..=last)
}

/// `5xx`: every status of a class.
fn class(part: &str) -> Option<RangeInclusive<u16>> {
    match part.as_bytes() {
        [digit @ b'1'..=b'5', b'x', b'x'] => {
            let first = u16::from(digit - b'0') * 100;
            Some(first..=first + 99)
        }
        _ => None,
    }
}

fn status(text: &str, number: &str) -> Result<u16, Wrong> {
    let digits = number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit());
    let number: u16 = digits
        .then(|| number.parse().ok())
        .flatten()
        .ok_or_else(|| {
            Wrong::new(format!("{} is not a set of statuses", quoted(text)))
                .help("for example 200, \"5xx\", \"200-299\" or \"200-299,404\"")
        })?;
    check_range(number)
}

fn check_range(status: u16) -> Result<u16, Wrong> {
    match status {
        100..=599 => Ok(status),
        _ => Err(Wrong::new(format!("the status {status} is out of range"))
            .help("statuses go from 100 to 599")),
    }
}

impl FromScalar for StatusSet {
    const WHAT: &'static str = "a status or a range such as \"200-299\" or \"5xx\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        let status =
            check_range(u16::try_from(number).unwrap_or(u16::MAX)).map_err(|wrong| Wrong {
                message: format!("the status {number} is out of range"),
                ..wrong
            })?;
        Ok(Self(vec![status..=status]))
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": r"^([1-5](xx|[0-9]{2}(-[1-5][0-9]{2})?)(, *[1-5](xx|[0-9]{2}(-[1-5][0-9]{2})?))*|.*\$\{.*)?$" },
            ],
            "examples": [200, "200-299", "5xx"],
        })
    }
}

impl ToScalar for StatusSet {
    fn to_scalar(&self) -> Written {
        self.show().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sets() {
        let set: StatusSet = "200-299, 404".parse().unwrap();
        assert!(set.contains(200) && set.contains(299) && set.contains(404));
        assert!(!set.contains(300) && !set.contains(199));
        assert_eq!(set.show(), "200-299,404");
        let set: StatusSet = "404,5xx".parse().unwrap();
        assert!(set.contains(500) && set.contains(599) && !set.contains(499));
        assert_eq!(set.show(), "404,500-599");
        for text in [
            "6xx", "0xx", "xx", "5x", "5xX", "4xx-5xx", "99", "600", "0200", "299-200", ",",
            "200-", "200-999",
        ] {
            assert!(text.parse::<StatusSet>().is_err(), "{text}");
        }
        assert_eq!(
            StatusSet::from_integer(70_000).unwrap_err().message,
            "the status 70000 is out of range"
        );
    }
}
