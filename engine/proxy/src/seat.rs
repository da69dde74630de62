//! What a worker knows of each of its client connections.

use std::cell::Cell;
use std::rc::Rc;

use ringfence_io::Stream;

/// A client connection, for the drain.
pub(crate) struct Seat {
    pub(crate) stream: Rc<Stream>,
    /// No request is under way.
    pub(crate) idle: Cell<bool>,
}
