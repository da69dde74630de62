//! What goes to the terminal: results on standard output, notices on standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Whether text on standard error may carry colour: only a terminal, and only where `NO_COLOR` is not set.
pub(crate) fn stderr_takes_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a result to standard output; a reader that has gone away is not an error.
///
/// # Errors
/// When the output can't be written for another reason, such as a full disk.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Writes a line of the banner to standard error; there is no one to tell if that fails.
pub(crate) fn say(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a notice of the running process to standard error.
pub(crate) fn notice(text: impl fmt::Display) {
    say(format_args!("ringfence: {text}"));
}
