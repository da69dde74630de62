//! Durations: `10s`, `250ms`, `1h`, `1m30s`.

use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// Units, longest first, in nanoseconds. A year has 365 days.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// Reads one or more numbers with units, without spaces: `1m30s`. A number alone is refused, but for `0`.
///
/// # Errors
/// If a number or a unit is missing, a unit is unknown, or the sum is over 580 years.
pub fn parse(text: &str) -> Result<Duration, Wrong> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| !c.is_ascii_digit()).len();
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| bad(text))?;
        let nanos = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| bad_unit(text, unit))?
            .1;
        let part = number.checked_mul(nanos).ok_or_else(|| bad(text))?;
        total = total.checked_add(part).ok_or_else(|| bad(text))?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(bad(text));
    }
    Ok(Duration::from_nanos(total))
}

/// The shortest text that [`parse`] reads as the same duration (which must have whole microseconds).
#[must_use]
pub fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, nanos) in UNITS {
        if rest >= nanos {
            text.push_str(&format!("{}{name}", rest / nanos));
            rest %= nanos;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

fn bad(text: &str) -> Wrong {
    Wrong::new(format!("{} is not a duration", quoted(text)))
        .help("for example \"250ms\", \"10s\", \"1m30s\" or \"1h\"")
}

fn bad_unit(text: &str, unit: &str) -> Wrong {
    if unit.is_empty() {
        return Wrong::new(format!("the duration {} lacks a unit", quoted(text)))
            .help(format!("for example \"{text}s\" or \"{text}ms\""));
    }
    Wrong::new(format!("{} is not a unit of time", quoted(unit)))
        .help("units are `us`, `ms`, `s`, `m`, `h`, `d` and `y`")
}

impl FromScalar for Duration {
    const WHAT: &'static str = "a duration such as \"10s\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        parse(text)
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        parse(&number.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(0|([0-9]+(us|ms|s|m|h|d|y))+|.*\$\{.*)$", "examples": ["250ms", "10s", "1m30s"] })
    }
}

impl ToScalar for Duration {
    fn to_scalar(&self) -> Written {
        show(*self).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in [
            ("10s", 10_000),
            ("250ms", 250),
            ("1h", 3_600_000),
            ("1m30s", 90_000),
            ("2d", 172_800_000),
            ("1y", 31_536_000_000),
            ("1y1d", 31_622_400_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("5us"), Ok(Duration::from_micros(5)));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "10 s",
            "10S",
            "1s1",
            "99999999999999999999s",
            "999999999d",
            "585y",
            "1Y",
            "é",
            "1é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            parse("10").unwrap_err().help.unwrap(),
            "for example \"10s\" or \"10ms\""
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(micros in 0..u64::MAX / 1_000) {
            let duration = Duration::from_micros(micros);
            prop_assert_eq!(parse(&show(duration)), Ok(duration));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
