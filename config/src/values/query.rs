//! Names of query parameters: `page`, `utm_*`.

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// The name of a query parameter, or all names that begin alike. It is compared as the URL has it, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryName {
    /// The name, or what it begins with.
    name: String,
    /// Whether more may follow.
    open: bool,
}

impl QueryName {
    /// Whether a parameter has this name. The name is as the URL has it, triplets and all.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match self.open {
            true => name.starts_with(self.name.as_bytes()),
            false => name == self.name.as_bytes(),
        }
    }

    /// The text that reads back as this name.
    #[must_use]
    pub fn show(&self) -> String {
        let star = if self.open { "*" } else { "" };
        format!("{}{star}", self.name)
    }
}

impl FromScalar for QueryName {
    const WHAT: &'static str = "the name of a query parameter such as \"page\" or \"utm_*\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let bad = || {
            Wrong::new(format!(
                "{} is not the name of a query parameter",
                quoted(text)
            ))
        };
        let (name, open) = match text.strip_suffix('*') {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.is_empty() {
            return Err(if open {
                bad().help("a prefix stands before the star, such as \"utm_*\"")
            } else {
                bad().help("for example \"page\", or \"utm_*\" for every name that begins so")
            });
        }
        if name.len() > limits::QUERY_NAME {
            return Err(bad().help(format!("at most {} bytes", limits::QUERY_NAME)));
        }
        if name.contains('*') {
            return Err(bad().help("a star is the last character, such as in \"utm_*\""));
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"&=#".contains(&byte))
        {
            return Err(bad()
                .help("as the URL has it: one name, other characters as `%` and two hex digits"));
        }
        Ok(Self {
            name: name.to_owned(),
            open,
        })
    }

    fn from_integer(number: i64) -> Result<Self, Wrong> {
        Self::from_text(&number.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "minLength": 1, "examples": ["page", "utm_*"] })
    }
}

impl ToScalar for QueryName {
    fn to_scalar(&self) -> Written {
        self.show().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        QueryName::from_text(pattern)
            .unwrap()
            .matches(name.as_bytes())
    }

    #[test]
    fn a_star_is_any_end() {
        assert!(matches("page", "page") && !matches("page", "pages") && !matches("page", "Page"));
        assert!(matches("utm_*", "utm_source") && matches("utm_*", "utm_"));
        assert!(!matches("utm_*", "utm") && !matches("utm_*", "x_utm_y"));
        assert!(matches("filter[]", "filter[]") && matches("a%20b", "a%20b"));
    }

    #[test]
    fn refuses_what_is_in_no_query() {
        for text in ["", "*", "a*b", "**", "a=b", "a&b", "#", "a b", "é", "a\0"] {
            assert!(QueryName::from_text(text).is_err(), "{text:?}");
        }
        assert!(QueryName::from_text(&"x".repeat(limits::QUERY_NAME + 1)).is_err());
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["page", "utm_*", "filter[]"] {
            let name = QueryName::from_text(text).unwrap();
            assert_eq!(
                (name.show().as_str(), QueryName::from_text(&name.show())),
                (text, Ok(name.clone()))
            );
        }
        assert_eq!(QueryName::from_integer(7).unwrap().show(), "7");
    }
}
