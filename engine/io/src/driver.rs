//! What does the waiting, and the receiving where it can. All that lies above speaks only of what
//! is exported here, so that any driver can stand behind it.

mod chime;
mod datagrams;
mod incoming;
#[allow(
    unsafe_code,
    reason = "descriptors cross between monoio's ownership and ours"
)]
mod monoio;
mod native;
mod pipe;
#[allow(unsafe_code, reason = "submitting to a ring is unsafe by its nature")]
mod ring;
pub(crate) mod sim;
mod socket;
mod source;
mod transfer;

use std::io;
use std::time::Duration;

pub(crate) use self::chime::Chime;
pub use self::incoming::Datagram;
pub(crate) use self::incoming::{Ahead, Arrival, Incoming, Wish};
pub(crate) use self::native::{Sizes, probe as probe_native};
pub(crate) use self::pipe::Pipe;
pub(crate) use self::ring::Strength;
pub use self::ring::probe_io_uring;
pub use self::socket::Socket;
pub(crate) use self::source::Source;

/// A driver that was found to work on this thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    /// Our own, over a ring.
    Native(Sizes),
    /// monoio's, over a ring of that strength.
    Ring(Strength),
    /// monoio's, over epoll.
    Epoll,
}

/// Runs `main` on this thread. `entries` is the length of the submission queue, or of the event
/// list.
///
/// # Errors
/// When the kernel refuses the ring or the epoll instance.
pub(crate) fn run<F: Future>(engine: Engine, entries: u32, main: F) -> io::Result<F::Output> {
    match engine {
        Engine::Native(sizes) => native::run(sizes, main),
        Engine::Ring(strength) => monoio::run(Some(strength), entries, main),
        Engine::Epoll => monoio::run(None, entries, main),
    }
}

/// Runs a future beside the others on this thread. It must not panic.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    if native::is_running() {
        native::spawn(future);
    } else if sim::is_running() {
        sim::spawn(future);
    } else {
        monoio::spawn(future);
    }
}

/// Waits for a while, to the millisecond. Each call costs a timer: for waits off the request path.
pub async fn sleep(duration: Duration) {
    if native::is_running() {
        native::sleep(duration).await;
    } else if sim::is_running() {
        sim::sleep(duration).await;
    } else {
        monoio::sleep(duration).await;
    }
}

/// Whether a waker that is kept keeps next to nothing: then it is kept rather than cloned anew for
/// each wait.
pub(crate) fn has_light_wakers() -> bool {
    native::is_running()
}

/// Whether this core is simulated.
pub(crate) fn is_simulated() -> bool {
    sim::is_running()
}

/// Whether a task may wake itself: everything else gets its turn before it goes on.
pub(crate) fn is_fair() -> bool {
    native::is_running() || sim::receives_ahead()
}
