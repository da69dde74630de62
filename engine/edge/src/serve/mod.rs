//! A serving process, from its start to its drain.
//!
//! | module | holds |
//! |---|---|
//! | `start` | everything up to the banner |
//! | `process` | the one thread that takes events: reload, drain, a worker's end |
//! | `host` | what the control plane may ask of this process |
//! | `crew`, `take_up` | the worker threads, and what became of their orders |
//! | `listeners`, `descriptors` | the listening sockets, and how many clients there is room for |
//! | `signals`, `event`, `inbox` | what can happen, and in which order it is taken |
//! | `banner`, `warnings`, `changes` | what is said about it |

mod banner;
mod changes;
mod crew;
mod descriptors;
mod event;
mod host;
mod inbox;
mod listeners;
mod process;
mod signals;
mod start;
mod take_up;
mod warnings;

pub(crate) use banner::UpstreamLine;
pub(crate) use process::Started;

use ringfence_control::tell;

use crate::failure::Failure;
use crate::source::Source;
use crate::terminal::flush;

/// Serves until told to stop; `on_start` runs between the banner and its last line.
///
/// # Errors
/// When the process cannot start, or has lost a worker.
pub(crate) fn serve(
    source: Source,
    on_start: impl FnOnce(&Started) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let process = start::start(source)?;
    // What `on_start` prints comes after the banner.
    flush();
    on_start(&process.started())?;
    tell("ready");
    process.supervise()
}
