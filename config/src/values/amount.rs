//! Amounts: sizes in bytes (`10MiB`) and shares of a whole (`0.2`, `20%`).

use schemars::{Schema, json_schema};

use crate::values::scalar::{FromScalar, ToScalar, Written, expected};
use crate::values::wrong::{Wrong, quoted};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A share of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// Units of size, in bytes. `k`, `M` and `G` are binary, as in nginx and HAProxy.
const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("g", 1 << 30),
    ("m", 1 << 20),
    ("k", 1 << 10),
    ("b", 1),
    ("", 1),
];

impl Size {
    /// The text that reads back as this size.
    #[must_use]
    pub fn show(self) -> String {
        let (name, unit) = UNITS[..3]
            .iter()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit))
            .copied()
            .unwrap_or(("B", 1));
        format!("{}{name}", self.0 / unit)
    }
}

impl FromScalar for Size {
    const WHAT: &'static str = "a size such as \"10MiB\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let bad = || {
            Wrong::new(format!("{} is not a size", quoted(text)))
                .help("for example \"64KiB\", \"10MiB\", \"64k\" or 65536")
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        let bytes = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(|| {
                Wrong::new(format!("{} is not a unit of size", quoted(unit)))
                    .help("units are `B`, `KiB`, `MiB` and `GiB` (or `k`, `m`, `g`)")
            })?
            .1;
        number
            .checked_mul(bytes)
            .filter(|size| *size <= i64::MAX as u64)
            .map(Self)
            .ok_or_else(bad)
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        u64::try_from(number)
            .map(Self)
            .map_err(|_| Wrong::new(format!("the size {number} is below 0")))
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": r"^([0-9]+([kKmMgG]([iI][bB])?|[bB])?|.*\$\{.*)$" },
            ],
            "examples": ["64KiB", "10MiB", 65536],
        })
    }
}

impl ToScalar for Size {
    fn to_scalar(&self) -> Written {
        self.show().into()
    }
}

impl FromScalar for Share {
    const WHAT: &'static str = "a share such as 0.2 or \"20%\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (number, of) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| expected(Self::WHAT, &quoted(text)))?;
        match Self::from_float(number / of) {
            Err(_) if of > 1.0 => Err(Wrong::new(format!(
                "the share {} is not between 0% and 100%",
                quoted(text)
            ))),
            share => share,
        }
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "only 0 and 1 are in range, and both are exact"
        )]
        Self::from_float(number as f64)
    }

    fn from_float(number: f64) -> Result<Self, Wrong> {
        if (0.0..=1.0).contains(&number) {
            return Ok(Self(number + 0.0));
        }
        let wrong = Wrong::new(format!("the share {number} is not between 0 and 1"));
        Err(if (1.0..=100.0).contains(&number) {
            wrong.help(format!("for {number} percent write \"{number}%\""))
        } else {
            wrong
        })
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?%?|.*\$\{.*)$" },
            ],
            "examples": [0.2, "20%"],
        })
    }
}

impl ToScalar for Share {
    fn to_scalar(&self) -> Written {
        Written::Float(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("10MiB", 10 << 20),
            ("64k", 65536),
            ("64K", 65536),
            ("1g", 1 << 30),
            ("100", 100),
            ("7B", 7),
        ] {
            assert_eq!(Size::from_text(text), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "",
            "MiB",
            "10 MiB",
            "10MB",
            "-1",
            "1.5k",
            "99999999999g",
            "10x",
        ] {
            assert!(Size::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_shares() {
        assert_eq!(Share::from_text("20%"), Ok(Share(0.2)));
        assert_eq!(Share::from_integer(1), Ok(Share(1.0)));
        for text in ["", "%", "NaN", "inf", "1.1", "-0.1", "101%"] {
            assert!(Share::from_text(text).is_err(), "{text}");
        }
        assert_eq!(
            Share::from_integer(20).unwrap_err().help.unwrap(),
            "for 20 percent write \"20%\""
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in 0..=i64::MAX as u64) {
            prop_assert_eq!(Size::from_text(&Size(bytes).show()), Ok(Size(bytes)));
        }
    }
}
