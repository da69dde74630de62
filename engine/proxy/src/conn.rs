//! A client connection as its exchanges see it.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{Lease, Stream, now};

use crate::worker::{Admission, Seat, Worker};

/// A client connection.
pub(crate) struct Conn {
    pub(crate) worker: Rc<Worker>,
    pub(crate) stream: Rc<Stream>,
    /// Received and not yet consumed: the start of the next message.
    pub(crate) pending: Lease,
    /// An exchange has ended on it.
    pub(crate) has_served: bool,
    seat: Seat,
}

impl Conn {
    /// A connection that was just accepted. It is seated at once, so that a drain knows of it before it is served.
    pub(crate) fn new(worker: Rc<Worker>, admission: Admission, stream: Stream) -> Self {
        let stream = Rc::new(stream);
        Self {
            seat: Seat::take(admission, stream.clone()),
            worker,
            stream,
            pending: Lease::empty(),
            has_served: false,
        }
    }

    /// The other end's address.
    pub(crate) fn peer(&self) -> IpAddr {
        // Listeners are TCP: an address is missing only where the client has gone already.
        let ip = self.stream.peer().ip();
        ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Marks the time between two requests, in which a drain may close the connection.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.seat.set_idle(idle);
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
