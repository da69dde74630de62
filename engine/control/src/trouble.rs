//! Why a peer gave no answer, and whose doing that is.

use std::{fmt, io};

/// Why there is no answer, in a few words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    text: String,
    /// This process lacks something, so that nothing was learnt of the peer.
    pub(crate) is_ours: bool,
    /// Nobody is there to answer.
    pub(crate) is_absence: bool,
}

impl Trouble {
    /// Of the peer's making.
    pub(crate) fn theirs(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_ours: false,
            is_absence: false,
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self {
            text: root_cause(&error),
            is_ours: ringfence_io::is_shortage(&error),
            is_absence: matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ),
        }
    }
}

impl From<hyper::Error> for Trouble {
    fn from(error: hyper::Error) -> Self {
        Self::theirs(root_cause(&error))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The innermost cause of an error: "connection refused", not "client error (Connect)".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
