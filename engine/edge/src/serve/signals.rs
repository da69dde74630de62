//! Signals, turned into events.

use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::serve::event::Event;

/// Starts a thread that turns signals into events. (SIGPIPE is ignored by every Rust program.)
///
/// # Errors
/// When the system grants no handler or thread.
pub(crate) fn watch(events: Sender<Event>) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot watch for signals: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).map_err(failed)?;
    let forward = move || {
        for signal in signals.forever() {
            let event = match signal {
                SIGHUP => Event::Reload(None),
                SIGUSR1 => Event::ReopenLogs,
                other => Event::Terminate {
                    signal: Some(other),
                },
            };
            if events.send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("rf-signals".to_owned())
        .spawn(forward)
        .map_err(failed)?;
    Ok(())
}
