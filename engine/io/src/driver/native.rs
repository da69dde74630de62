//! The driver straight on io_uring: multishot receives into provided buffers, sends that it takes
//! over, tasks, timers, and the loop that runs them.
//!
//! A round runs a bounded number of tasks, then takes one turn of the ring: all that the tasks
//! asked for is submitted by the system call that also waits. Timers are looked at in every
//! turn, so that they go off on time whatever the queue of tasks does.

#[allow(unsafe_code, reason = "the kernel writes to memory of ours")]
mod buffers;
mod core;
mod datagrams;
#[allow(unsafe_code, reason = "a message header begins as zeroes")]
mod departure;
mod executor;
#[cfg(test)]
mod faults;
mod home;
mod probe;
#[allow(unsafe_code, reason = "submitting to a ring is unsafe by its nature")]
mod ring;
#[allow(unsafe_code, reason = "the kernel reads memory of ours")]
mod sends;
mod sleep;
mod slots;
mod source;
#[cfg(test)]
mod tests;
mod timers;
mod token;
mod unread;
mod wheel;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

pub(crate) use self::core::Sizes;
use self::executor::Executor;
pub(crate) use self::executor::spawn;
use self::home::Home;
pub(crate) use self::probe::probe;
pub(crate) use self::sleep::sleep;
pub(crate) use self::source::Source;

/// Runs `main` on this thread, with all that it spawns.
///
/// # Errors
/// When the kernel refuses the ring, or fails it for good.
///
/// # Panics
/// Inside another run.
pub(crate) fn run<F: Future>(sizes: Sizes, main: F) -> io::Result<F::Output> {
    assert!(!is_running(), "this thread runs a core already");
    let mut main = pin!(main);
    core::begin(sizes)?;
    let _ended = Ended;
    let home = Arc::new(Home::new()?);
    let executor = Executor::begin(home.clone());
    let calls = Source::new(home.watched()?)?;
    spawn(async move {
        while calls.readable().await.is_ok() {
            home.heard();
        }
    });
    let mut woken = Vec::new();
    loop {
        if let Poll::Ready(output) = executor.round(main.as_mut()) {
            return Ok(output);
        }
        core::turn(executor.is_idle(), &mut woken)?;
        woken.drain(..).for_each(std::task::Waker::wake);
    }
}

/// Whether this thread runs a core of this driver.
pub(crate) fn is_running() -> bool {
    core::running() != 0
}

/// Ends the core after all else has been dropped.
struct Ended;

impl Drop for Ended {
    fn drop(&mut self) {
        core::end();
    }
}
