//! What goes to the terminal: results on standard output; notices, through their own thread, on standard error.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::thread;
use std::time::Duration;

use ringfence_control::{flush_notices, notice};

use crate::failure::Failure;

/// How long the process waits for its notices to be written where it can't go on before.
const FLUSH: Duration = Duration::from_millis(500);

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

/// Waits until all notices are written; only so long, for standard error may be a pipe that nobody reads.
pub(crate) fn flush() {
    flush_notices(FLUSH);
}

/// Tells of a panic as a notice: the standard hook would hold the worker until standard error takes its text.
pub(crate) fn report_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("?");
    let trace = std::backtrace::Backtrace::capture();
    match trace.status() {
        std::backtrace::BacktraceStatus::Captured => {
            notice(format_args!("{name}: {info}\n{trace}"))
        }
        _ => notice(format_args!("{name}: {info}")),
    }
}
