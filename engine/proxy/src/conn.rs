//! One client connection: a task that serves its requests in order.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{Lease, Stream, now};

use crate::exchange::{self, Next};
use crate::stations::{head, refuse};
use crate::worker::Worker;

/// Bytes that a lingering close reads and throws away at most.
const LINGER_BYTES: u64 = 1 << 20;

/// How long a lingering close waits for the client to read our last words.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// A client connection as its exchanges see it.
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

/// What a worker knows of each of its connections, for the drain.
pub(crate) struct Seat {
    pub(crate) stream: Rc<Stream>,
    /// No request is under way.
    pub(crate) idle: Cell<bool>,
}

/// Serves one client until it or we are done. The caller has counted the connection.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream) {
    let stream = Rc::new(stream);
    let seat = Rc::new(Seat {
        stream: stream.clone(),
        idle: Cell::new(true),
    });
    let _seated = worker.seat(seat.clone());
    // Listeners are TCP: an address is missing only where the client has gone already.
    let peer = stream
        .peer()
        .ip()
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut conn = Conn {
        worker,
        stream,
        pending: Lease::empty(),
        served: 0,
        peer,
        seat,
    };
    let last = loop {
        let next = match head::receive(&mut conn).await {
            Ok(Some(arrival)) => exchange::walk(&mut conn, arrival).await,
            Ok(None) => Next::Close,
            Err(malformed) => refuse::malformed(&mut conn, malformed).await,
        };
        conn.served += 1;
        if next != Next::Keep {
            break next;
        }
    };
    conn.end(last).await;
}

impl Conn {
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

    async fn end(self, how: Next) {
        match how {
            Next::Keep | Next::Close => {}
            // Closing at once with bytes unread makes the kernel send a reset, which can destroy
            // the response before the client has read it (RFC 9112 section 9.6).
            Next::Linger => self.stream.linger_close(LINGER_BYTES, LINGER_TIME).await,
            // The client must see that the message was cut off.
            Next::Abort => self.stream.abort(),
        }
    }
}
