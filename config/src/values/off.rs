//! `off`: the word that switches something off.

use std::str::FromStr;

use schemars::{Schema, json_schema};

use crate::values::scalar::{FromScalar, ToScalar, Written, expected};
use crate::values::wrong::{Wrong, quoted};

/// A value, or the word `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrOff<T> {
    /// The word `off`.
    Off,
    /// A value.
    On(T),
}

/// The word `off` alone, or `false`: the short way to switch a section off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off;

impl<T> OrOff<T> {
    /// The value, if it is not `off`.
    #[must_use]
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for OrOff<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Off, Self::On)
    }
}

impl<T: FromScalar> FromStr for OrOff<T> {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        Self::from_text(text)
    }
}

impl<T: FromScalar> FromScalar for OrOff<T> {
    const WHAT: &'static str = T::WHAT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "off" => Ok(Self::Off),
            _ => T::from_text(text).map(Self::On),
        }
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        T::from_integer(number).map(Self::On)
    }

    fn from_float(number: f64) -> Result<Self, Wrong> {
        T::from_float(number).map(Self::On)
    }

    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        if flag {
            T::from_bool(flag).map(Self::On)
        } else {
            Ok(Self::Off)
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [T::schema(), { "enum": ["off", false] }] })
    }
}

impl<T: ToScalar> ToScalar for OrOff<T> {
    fn to_scalar(&self) -> Written {
        match self {
            Self::Off => "off".to_owned().into(),
            Self::On(value) => value.to_scalar(),
        }
    }
}

impl FromScalar for Off {
    const WHAT: &'static str = "a table or `false`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "off" {
            Ok(Self)
        } else {
            Err(expected(Self::WHAT, &quoted(text)))
        }
    }

    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        if flag {
            Err(expected(Self::WHAT, "`true`"))
        } else {
            Ok(Self)
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["off", false] })
    }
}

impl ToScalar for Off {
    fn to_scalar(&self) -> Written {
        Written::Bool(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn off_is_a_word() {
        assert_eq!("off".parse::<OrOff<SocketAddr>>(), Ok(OrOff::Off));
        assert_eq!(OrOff::<SocketAddr>::from_bool(false), Ok(OrOff::Off));
        assert!(OrOff::<SocketAddr>::from_bool(true).is_err());
    }
}
