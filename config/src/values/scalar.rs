//! A value that stands alone in the file: one string, number or boolean.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::values::wrong::{Wrong, quoted};

/// Stands between message and suggestion in the text of a serde error, which has room for one string only.
pub const HELP_MARK: char = '\u{1f}';

/// A value of the file that stands alone. Numbers and booleans may also be written as strings, because an
/// environment variable is one: `"${PORT}"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar<T>(pub T);

/// How a scalar is read.
pub trait FromScalar: Sized {
    /// What is expected, with its article: `a duration`.
    const WHAT: &'static str;

    /// From a string.
    ///
    /// # Errors
    /// If the text is no such value.
    fn from_text(text: &str) -> Result<Self, Wrong>;

    /// From a whole number; refused unless the type says otherwise.
    ///
    /// # Errors
    /// If the number is no such value.
    fn from_integer(number: i64) -> Result<Self, Wrong> {
        Err(expected(Self::WHAT, &format!("the number {number}")))
    }

    /// From a number with a point; refused unless the type says otherwise.
    ///
    /// # Errors
    /// If the number is no such value.
    fn from_float(number: f64) -> Result<Self, Wrong> {
        Err(expected(Self::WHAT, &format!("the number {number}")))
    }

    /// From a boolean; refused unless the type says otherwise.
    ///
    /// # Errors
    /// If the boolean is no such value.
    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        Err(expected(Self::WHAT, &format!("`{flag}`")))
    }

    /// What the JSON Schema says of it.
    fn schema() -> Schema;
}

/// How a scalar is written, so that reading it gives the same value.
pub trait ToScalar {
    /// The value in the form in which it is written.
    fn to_scalar(&self) -> Written;
}

/// A scalar as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// As a string.
    Text(String),
    /// As a whole number.
    Integer(i64),
    /// As a number with a point.
    Float(f64),
    /// As a boolean.
    Bool(bool),
}

impl From<String> for Written {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The complaint about a value of the wrong type.
#[must_use]
pub fn expected(what: &str, found: &str) -> Wrong {
    Wrong::new(format!("expected {what}, found {found}"))
}

impl FromScalar for String {
    const WHAT: &'static str = "a string";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(text.to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl ToScalar for String {
    fn to_scalar(&self) -> Written {
        self.clone().into()
    }
}

impl FromScalar for bool {
    const WHAT: &'static str = "`true` or `false`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(expected(Self::WHAT, &quoted(text))),
        }
    }

    fn from_bool(flag: bool) -> Result<Self, Wrong> {
        Ok(flag)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl ToScalar for bool {
    fn to_scalar(&self) -> Written {
        Written::Bool(*self)
    }
}

impl FromScalar for u32 {
    const WHAT: &'static str = "a whole number";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let number = text
            .parse::<i64>()
            .map_err(|_| expected(Self::WHAT, &quoted(text)))?;
        Self::from_integer(number)
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        Self::try_from(number).map_err(|_| {
            let side = if number < 0 { "below 0" } else { "too large" };
            Wrong::new(format!("{number} is {side}"))
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

impl ToScalar for u32 {
    fn to_scalar(&self) -> Written {
        Written::Integer(i64::from(*self))
    }
}

impl<T: FromScalar> JsonSchema for Scalar<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: ToScalar> Serialize for Scalar<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_scalar() {
            Written::Text(text) => serializer.serialize_str(&text),
            Written::Integer(number) => serializer.serialize_i64(number),
            Written::Float(number) => serializer.serialize_f64(number),
            Written::Bool(flag) => serializer.serialize_bool(flag),
        }
    }
}

impl<'de, T: FromScalar> Deserialize<'de> for Scalar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: FromScalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = Scalar<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::from_text(text).map(Scalar).map_err(serde_error)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        T::from_integer(number).map(Scalar).map_err(serde_error)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        T::from_float(number).map(Scalar).map_err(serde_error)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        T::from_bool(flag).map(Scalar).map_err(serde_error)
    }
}

/// The complaint as a serde error, the suggestion behind [`HELP_MARK`].
fn serde_error<E: de::Error>(wrong: Wrong) -> E {
    match wrong.help {
        Some(help) => E::custom(format_args!("{}{HELP_MARK}{help}", wrong.message)),
        None => E::custom(wrong.message),
    }
}
