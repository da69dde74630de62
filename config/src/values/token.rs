//! Tokens and field values (RFC 9110 5.6.2, 5.5), and which fields belong to one connection only (7.6.1).

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// Fields that mean one connection only, or its framing. A proxy writes them itself.
const CONNECTION_FIELDS: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// A method or a cookie's name: a token, in the case in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// A field's value that no peer can read as anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue(pub String);

/// Reads a field's name, and gives it in lower case.
///
/// # Errors
/// If it is no token.
pub fn field_name(text: &str) -> Result<String, Wrong> {
    if is_token(text) && text.len() <= limits::FIELD_NAME {
        return Ok(text.to_ascii_lowercase());
    }
    Err(
        Wrong::new(format!("{} is not a valid header name", quoted(text)))
            .help("letters, digits and any of !#$%&'*+-.^_`|~"),
    )
}

/// Whether a field (lower case) belongs to one connection only, so that no file may edit it.
#[must_use]
pub fn is_connection_field(name: &str) -> bool {
    CONNECTION_FIELDS.contains(&name)
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

impl FromScalar for Token {
    const WHAT: &'static str = "a word";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if is_token(text) && text.len() <= limits::FIELD_NAME {
            return Ok(Self(text.to_owned()));
        }
        Err(Wrong::new(format!("{} is not a valid token", quoted(text)))
            .help("letters, digits and any of !#$%&'*+-.^_`|~"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl ToScalar for Token {
    fn to_scalar(&self) -> Written {
        self.0.clone().into()
    }
}

impl FromScalar for FieldValue {
    const WHAT: &'static str = "a header value";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.len() > limits::FIELD_VALUE {
            return Err(Wrong::new(format!(
                "a header value of {} bytes is too long",
                text.len()
            ))
            .help(format!("at most {}", limits::FIELD_VALUE)));
        }
        if text.bytes().any(|b| b == 0x7f || (b < 0x20 && b != b'\t')) {
            return Err(Wrong::new("a header value holds a control character")
                .help("line breaks and NUL would end the field"));
        }
        if text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']) {
            return Err(Wrong::new("a header value begins or ends with a space")
                .help("recipients strip it; leave it out"));
        }
        Ok(Self(text.to_owned()))
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        Ok(Self(number.to_string()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"] })
    }
}

impl ToScalar for FieldValue {
    fn to_scalar(&self) -> Written {
        self.0.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens() {
        assert_eq!(field_name("X-Env"), Ok("x-env".to_owned()));
        for name in ["", "a b", "a:", "é", "a\r\nb", "a\0"] {
            assert!(field_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn values_cannot_end_the_field() {
        for value in ["a\r\nb: c", "a\n", "\0", "\x7f", " a", "a\t"] {
            assert!(FieldValue::from_text(value).is_err(), "{value:?}");
        }
        assert!(FieldValue::from_text("a\tb é").is_ok());
        assert!(FieldValue::from_text("").is_ok());
    }
}
