//! Accept: takes connections from a listener, within the limits.

use std::rc::Rc;

use ringfence_io::{Listener, spawn};

use crate::serve::{Coroutines, serve};
use crate::worker::Worker;

/// Runs until the listener is closed.
pub(crate) async fn run(worker: Rc<Worker>, coroutines: Rc<Coroutines>, listener: Rc<Listener>) {
    while let Some(stream) = listener.accept().await {
        worker.stats.connections_accepted.inc();
        match worker.admit() {
            Some(admission) => spawn(serve(worker.clone(), coroutines.clone(), admission, stream)),
            // Dropping it closes it: the client learns at once, and may try another address.
            None => worker.stats.connections_shed.inc(),
        }
    }
}
