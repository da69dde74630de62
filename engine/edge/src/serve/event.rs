//! What can happen to a serving process; one thread takes all of it, in order.

use std::io;

use ringfence_balance::Resolved;
use ringfence_io::DriverReport;

/// How a reload came out: lines that say what changed, or the text of the refusal.
pub(crate) type Outcome = Result<Vec<String>, String>;

/// Answers the one who asked, who waits.
pub(crate) type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// One thing that happened.
pub(crate) enum Event {
    /// A worker has begun.
    Arrived(Arrival),
    /// A worker has ended: drained, or with an error.
    Ended {
        /// Which one.
        index: usize,
        /// How.
        result: Result<(), String>,
    },
    /// Somebody wants the configuration read again; `None` where it was a signal.
    Reload(Option<Reply<Outcome>>),
    /// The access log has been moved away and is to be opened anew.
    ReopenLogs,
    /// Somebody wants the process to drain and end; `None` where it was not a signal.
    Terminate {
        /// The signal's number.
        signal: Option<i32>,
    },
    /// The names of a new plan have been looked up.
    Named(io::Result<Resolved>),
    /// Names have resolved, to something new; whoever found out waits until it is taken up.
    Resolved(Resolved, Reply<()>),
}

/// What a worker said of itself when it began.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Index of the worker.
    pub(crate) index: usize,
    /// The CPU it is tied to, if it is.
    pub(crate) cpu: Option<usize>,
    /// The driver it got.
    pub(crate) driver: DriverReport,
}
