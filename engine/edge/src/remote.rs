//! `reload` and `stop`: commands to a running process, through its control socket.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ringfence_config::{OrOff, Overrides};
use ringfence_control::client::{self, ClientError};

use crate::cli::{ProcessArg, ReloadArgs, StopArgs};
use crate::failure::Failure;
use crate::source::Source;
use crate::terminal::print;

/// How often `stop` looks whether the process has gone.
const LOOK: Duration = Duration::from_millis(50);

/// `reload`: prints what changed, or fails with the reason of the refusal.
pub(crate) fn reload(args: &ReloadArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let changes = client::reload(&socket).map_err(|error| match error {
        ClientError::Refused(why) => Failure::new(format!(
            "reload refused, the old configuration serves on:\n{why}"
        )),
        ClientError::Unreachable(_) => unreachable(&error),
    })?;
    print(&format!("reloaded\n{changes}\n"))
}

/// `stop`: waits until the process has drained and gone.
pub(crate) fn stop(args: &StopArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let until = Instant::now() + args.timeout;
    client::stop(&socket).map_err(|error| unreachable(&error))?;
    // While it drains, it answers that it is not well; only one that has gone does not answer.
    while !matches!(client::status(&socket), Err(ClientError::Unreachable(_))) {
        if Instant::now() >= until {
            let waited = args.timeout.as_secs_f64();
            return Err(
                Failure::new(format!("it still drains after {waited} s")).hint(
                    "it ends at its own limit, `drain` in [timeouts]; wait longer with --timeout",
                ),
            );
        }
        thread::sleep(LOOK);
    }
    print("stopped\n")
}

fn unreachable(error: &ClientError) -> Failure {
    Failure::new(error.to_string())
        .hint("name its control socket with --control PATH, or its file with -c FILE")
}

fn socket(process: &ProcessArg) -> Result<PathBuf, Failure> {
    match &process.control {
        Some(OrOff::On(path)) => Ok(path.clone()),
        Some(OrOff::Off) => Err(no_socket()),
        None => of_file(&process.path),
    }
}

fn of_file(path: &Path) -> Result<PathBuf, Failure> {
    let plan = Source::file(path.to_owned(), Overrides::default())
        .load()
        .map_err(|failure| {
            failure.hint(
                "name another file with -c FILE, or the control socket itself with --control PATH",
            )
        })?;
    plan.admin.control.ok_or_else(no_socket)
}

fn no_socket() -> Failure {
    Failure::new("the process has no control socket")
        .hint("send it SIGHUP to reload, or SIGTERM to stop")
}
