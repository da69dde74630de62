//! Origins whose answers go as far as a test allows, and clients that ask at once.

use std::sync::{Arc, Condvar, Mutex};

use ringfence_tests::{Client, Ringfence};

/// What most clients ask for.
pub(crate) const GET: &str = "GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n";

/// With so many connections every worker is asked.
pub(crate) const MANY: usize = 12;

/// How far the answers of an origin may go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Until {
    Nothing,
    Half,
    End,
    /// No further: the origin goes away.
    Death,
}

/// Holds the answers of an origin back.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Mutex<Until>, Condvar)>);

impl Gate {
    pub(crate) fn at(until: Until) -> Gate {
        Gate(Arc::new((Mutex::new(until), Condvar::new())))
    }

    pub(crate) fn opens(&self, until: Until) {
        *self.0.0.lock().expect("the gate") = until;
        self.0.1.notify_all();
    }

    /// Waits until it is open so far, and says how far it is.
    pub(crate) fn wait(&self, until: Until) -> Until {
        let (gate, changed) = &*self.0;
        let at = gate.lock().expect("the gate");
        *changed.wait_while(at, |at| *at < until).expect("the gate")
    }
}

/// Clients that ask, each on a connection of its own.
pub(crate) fn asking(ringfence: &Ringfence, request: &str, count: usize) -> Vec<Client> {
    let ask = |_| {
        let mut client = ringfence.client();
        client.says(request);
        client
    };
    (0..count).map(ask).collect()
}
