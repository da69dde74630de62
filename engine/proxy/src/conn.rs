//! A client connection as its exchanges see it.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{Lease, Stream, now};

use crate::client::{Absent, Client};
use crate::worker::{Admission, Seat, Worker};

/// A client connection.
pub(crate) struct Conn {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: Client,
    /// Received and not yet consumed: the start of the next message.
    pub(crate) pending: Lease,
    /// An exchange has ended on it.
    pub(crate) has_served: bool,
    /// What its last request has asked for again in the background.
    pub(crate) again: Option<Box<Again>>,
    /// None where nobody is connected.
    seat: Option<Seat>,
}

/// A request that is to be made once more, for the store.
pub(crate) struct Again {
    /// The bytes of its head.
    pub(crate) bytes: Lease,
    /// The hash of its key.
    pub(crate) key: u64,
}

impl Conn {
    /// A connection that was just accepted. It is seated at once, so that a drain knows of it before it is served.
    pub(crate) fn new(worker: Rc<Worker>, admission: Admission, stream: Stream) -> Self {
        let stream = Rc::new(stream);
        Self {
            seat: Some(Seat::take(admission, stream.clone())),
            worker,
            client: Client::Peer(stream),
            pending: Lease::empty(),
            has_served: false,
            again: None,
        }
    }

    /// No connection at all: what it asks for is for the store, on behalf of the one at this address.
    pub(crate) fn nobody(worker: Rc<Worker>, peer: IpAddr) -> Self {
        Self::absent(worker, Absent::new(peer, false))
    }

    /// The same for one who is told what becomes of it.
    pub(crate) fn absent(worker: Rc<Worker>, absent: Rc<Absent>) -> Self {
        Self {
            worker,
            client: Client::Nobody(absent),
            pending: Lease::empty(),
            has_served: false,
            again: None,
            seat: None,
        }
    }

    /// The stream of a client that is connected.
    pub(crate) fn stream(&self) -> &Rc<Stream> {
        match &self.client {
            Client::Peer(stream) => stream,
            Client::Nobody(_) => unreachable!("nothing is received from nobody"),
        }
    }

    /// The other end's address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.client.ip()
    }

    /// Marks the time between two requests, in which a drain may close the connection.
    pub(crate) fn set_idle(&self, idle: bool) {
        if let Some(seat) = &self.seat {
            seat.set_idle(idle);
        }
    }

    /// The time until which an idle connection is kept.
    pub(crate) fn idle_until(&self) -> Duration {
        let timeouts = &self.worker.epoch().plan.timeouts;
        let wait = if self.has_served {
            timeouts.keep_alive
        } else {
            timeouts.head
        };
        let until = now() + wait;
        self.worker
            .drain_idle_at()
            .map_or(until, |at| at.min(until))
    }
}
