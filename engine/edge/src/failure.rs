//! An end that the user must hear about: what went wrong, what to try, and the exit code.

use std::fmt;

/// Exit code of anything that was refused or went wrong.
const FAILED: u8 = 1;
/// Exit code of a command line that makes no sense; the same as clap's.
const MISUSED: u8 = 2;

/// One failure as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    hint: Option<String>,
    code: u8,
    laid_out: bool,
}

impl Failure {
    /// Something went wrong; `text` is one clear line.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
            code: FAILED,
            laid_out: false,
        }
    }

    /// An end that was asked for before there was anything to end.
    pub(crate) fn stopped() -> Self {
        Self {
            code: 0,
            laid_out: true,
            ..Self::new("ringfence: stopped while starting")
        }
    }

    /// A flag has a value that could not be refused before looking at the machine or the other flags.
    pub(crate) fn misuse(text: impl Into<String>) -> Self {
        Self {
            code: MISUSED,
            ..Self::new(text)
        }
    }

    /// The text is laid out, over several lines, with its own beginning.
    pub(crate) fn laid_out(self) -> Self {
        Self {
            laid_out: true,
            ..self
        }
    }

    /// Adds what the user can do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The code to exit with.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.laid_out {
            true => write!(f, "{}", self.text.trim_end())?,
            false => write!(f, "error: {}", self.text)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
