//! One-line notices to whoever runs the process.

use std::{
    fmt,
    io::{self, Write},
};

/// Writes a line to standard error. One that can't be written is dropped: nobody is there to read it.
pub(crate) fn notice(line: fmt::Arguments<'_>) {
    // One write, so that lines of several threads do not mix.
    let _ = io::stderr().write_all(format!("ringfence: {line}\n").as_bytes());
}

/// The innermost cause of an error: "connection refused", not "client error (Connect)".
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
