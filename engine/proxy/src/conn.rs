//! A client connection as its exchanges see it.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{Lease, Stream, now};

use crate::seat::Seat;
use crate::worker::Worker;

/// A client connection.
pub(crate) struct Conn {
    pub(crate) worker: Rc<Worker>,
    pub(crate) stream: Rc<Stream>,
    /// Received and not yet consumed: the start of the next message.
    pub(crate) pending: Lease,
    /// Exchanges that have ended on it.
    pub(crate) served: u64,
    /// The other end's address.
    pub(crate) peer: IpAddr,
    seat: Rc<Seat>,
}

impl Conn {
    /// A connection that was just accepted and is seated at `worker`.
    pub(crate) fn new(worker: Rc<Worker>, seat: Rc<Seat>) -> Self {
        let stream = seat.stream.clone();
        // Listeners are TCP: an address is missing only where the client has gone already.
        let peer = stream
            .peer()
            .ip()
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self {
            worker,
            stream,
            pending: Lease::empty(),
            served: 0,
            peer,
            seat,
        }
    }

    /// Marks the time between two requests, in which a drain may close the connection.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.seat.idle.set(idle);
    }

    /// The time until which an idle connection is kept.
    pub(crate) fn idle_until(&self) -> Duration {
        let timeouts = &self.worker.epoch().plan.timeouts;
        let wait = if self.served == 0 {
            timeouts.head
        } else {
            timeouts.keep_alive
        };
        let until = now() + wait;
        self.worker
            .drain_idle_at()
            .map_or(until, |at| at.min(until))
    }
}
