//! Accept: takes connections from a listener, within the worker's share of the limit.

use std::rc::Rc;

use ringfence_io::{Listener, spawn};

use crate::serve::serve;
use crate::worker::Worker;

/// Runs until the listener is closed.
pub(crate) async fn run(worker: Rc<Worker>, listener: Rc<Listener>) {
    while let Some(stream) = listener.accept().await {
        worker.stats.connections_accepted.inc();
        if worker.is_full() {
            // Dropping it closes it: the client learns at once, and may try another address.
            worker.stats.connections_shed.inc();
            continue;
        }
        spawn(serve(worker.clone(), stream));
    }
}
