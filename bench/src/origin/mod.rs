//! The servers behind the proxies. Which one it is changes what a proxy costs, so there are two.

pub mod alone;
mod answers;
pub mod count;
pub mod nginx;
pub mod place;

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::Serialize;

use crate::origin::place::Place;
use crate::process::Program;

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

/// The path at which an origin tells how many requests it has had.
pub const COUNT: &str = "/count";

/// For how long its answers may be kept where they may at all, in seconds.
const MAX_AGE: u32 = 86_400;

/// Prepares an origin and says how to start it.
///
/// # Errors
/// What the file system says.
pub fn prepare(kind: Kind, place: &Place<'_>) -> io::Result<Program> {
    match kind {
        Kind::Nginx => nginx::prepare(place),
        Kind::Alone => alone_program(place),
    }
}

/// How to start our own origin: this program, called otherwise.
fn alone_program(place: &Place<'_>) -> io::Result<Program> {
    let mut command = vec![std::env::current_exe()?.into_os_string(), "origin".into()];
    if place.cacheable {
        command.push("--cacheable".into());
    }
    command.extend(
        place
            .addresses
            .iter()
            .map(|address| address.to_string().into()),
    );
    Ok(Program {
        name: "our own origin".to_owned(),
        command,
        cpus: place.cpus.clone(),
        stdout: place.dir.join("stdout"),
        stderr: place.dir.join("stderr"),
    })
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
