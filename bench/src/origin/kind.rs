//! The kinds of origins, and what they have in common.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The path at which an origin tells how many requests it has had.
pub const COUNT: &str = "/count";

/// For how long its answers may be kept where they may at all, in seconds.
pub(super) const MAX_AGE: u32 = 86_400;

/// Which origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// nginx serving files with `sendfile` and `tcp_nopush`.
    Nginx,
    /// Our own, which takes one event at a time and so answers each request alone.
    Alone,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Nginx, Self::Alone];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nginx => "nginx",
            Self::Alone => "alone",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        known.ok_or_else(|| format!("no origin is called `{text}`; there are nginx and alone"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_and_print() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("apache".parse::<Kind>().is_err());
    }
}
