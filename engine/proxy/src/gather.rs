//! Receiving a response on behalf of all who want it: as fast as its server sends it, and whoever of them stays.

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use ringfence_config::UpstreamId;
use ringfence_http::Reason;
use ringfence_io::{Lease, now, spawn, timeout_at};

use crate::body::Body;
use crate::cache::Broadcast;
use crate::epoch::Epoch;
use crate::exchange::{Call, Exchange, Join, Station};
use crate::worker::Worker;

/// How often to look, while all wait for a reader, whether that one takes anything.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A response that is to be received for all who want it. Trailer fields are of no use to those who get it stored, and go to
/// nobody.
pub(crate) struct Common {
    pub(crate) broadcast: Broadcast,
    /// Nothing of it is left to come.
    pub(crate) done: bool,
}

/// The same, once it is known how it goes out to the client for whom it was asked for.
pub(crate) struct Shared {
    pub(crate) body: Body,
    pub(crate) common: Box<Common>,
    pub(crate) join: Join,
}

/// What receives it.
struct Gathering {
    worker: Rc<Worker>,
    epoch: Rc<Epoch>,
    upstream: UpstreamId,
    call: Call,
    body: Body,
    common: Box<Common>,
    /// The longest wait between two pieces.
    between: Duration,
    /// When all must be over.
    expires: Option<Duration>,
    /// The server's connection is fit for another request once the body is there.
    reusable: bool,
    /// The response's status, and the time to its first byte.
    answered: (u16, Duration),
}

/// Why no more of it comes.
enum Broken {
    /// It is the server's doing.
    Cut(Reason),
    /// The time of the request that it was begun for is over.
    OutOfTime,
    /// It is not to be stored, and nobody is left who reads it.
    Deserted,
}

/// Has the response received from now on, and answers this client, too, with what comes of it.
pub(crate) async fn start(ex: &Exchange<'_>, call: Call, shared: Shared) -> Station {
    let Shared { body, common, join } = shared;
    let gathering = Gathering {
        worker: ex.conn.worker.clone(),
        epoch: ex.epoch.clone(),
        upstream: ex.upstream(),
        call,
        body,
        common,
        between: ex.route().timeouts.between_bytes,
        expires: ex.expires,
        reusable: ex.heads.response.keep_alive,
        answered: (ex.tally.status, ex.tally.latency()),
    };
    if gathering.common.done {
        gathering.run().await;
    } else {
        gathering.common.broadcast.announce();
        spawn(gathering.run());
    }
    Station::Join(join)
}

impl Gathering {
    async fn run(mut self) {
        let outcome = self.receive_rest().await;
        let Self {
            worker,
            epoch,
            upstream,
            call,
            common,
            reusable,
            answered,
            ..
        } = self;
        let broadcast = common.broadcast;
        match outcome {
            Ok(()) => {
                let whole = broadcast.whole().await;
                broadcast.end(whole);
                let fit = reusable && call.pending.is_empty();
                let fit_for = fit.then_some((&*epoch, upstream));
                call.settle(&worker, answered, fit_for);
            }
            Err(Broken::Cut(reason)) => {
                call.ticket.failed();
                broadcast.cut(reason);
            }
            Err(Broken::OutOfTime) => broadcast.cut(Reason::RequestTimeout),
            Err(Broken::Deserted) => broadcast.cut(Reason::ClientGone),
        }
    }

    async fn receive_rest(&mut self) -> Result<(), Broken> {
        while !self.common.done {
            self.wait_for_readers().await?;
            self.call.pending = self.receive().await?;
            self.take_pending()?;
        }
        Ok(())
    }

    /// Takes what has come. The last of it goes out when it is stored.
    fn take_pending(&mut self) -> Result<(), Broken> {
        let Common { broadcast, done } = &mut *self.common;
        let piece = self.body.decode(&mut self.call.pending);
        let piece = piece.map_err(|fault| Broken::Cut(fault.from_upstream().reason))?;
        *done = piece.done;
        broadcast.add(&piece.data, piece.done);
        if !piece.done && !piece.data.is_empty() {
            broadcast.advance();
        }
        Ok(())
    }

    /// Goes no faster than the slowest client where it is not to be stored, unless that one takes nothing while others wait.
    async fn wait_for_readers(&self) -> Result<(), Broken> {
        let broadcast = &self.common.broadcast;
        while broadcast.flight().has_outgrown() {
            let look = now() + LOOK_AGAIN;
            let until = self.expires.map_or(look, |end| end.min(look));
            match timeout_at(until, broadcast.wait_for_readers()).await {
                Ok(true) => break,
                Ok(false) => return Err(Broken::Deserted),
                Err(_) if self.is_expired() => return Err(Broken::OutOfTime),
                Err(_) => broadcast.hasten(),
            }
        }
        Ok(())
    }

    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|end| end <= now())
    }

    async fn receive(&mut self) -> Result<Lease, Broken> {
        let server = &self.call.link.stream;
        let late = now() + self.between;
        server.set_recv_deadline(Some(self.expires.map_or(late, |end| end.min(late))));
        let most = self.body.expected().min(self.worker.piece());
        let flight = self.common.broadcast.flight();
        let received = flight.unless_deserted(server.recv_sized(most)).await;
        match received.ok_or(Broken::Deserted)? {
            Ok(more) if more.is_empty() => {
                let ended = self
                    .body
                    .end()
                    .map_err(|fault| fault.from_upstream().reason);
                Err(Broken::Cut(ended.err().unwrap_or(Reason::UpstreamClosed)))
            }
            Ok(more) => Ok(more),
            Err(error) if error.kind() != ErrorKind::TimedOut => {
                Err(Broken::Cut(Reason::UpstreamReset))
            }
            Err(_) if self.is_expired() => Err(Broken::OutOfTime),
            Err(_) => Err(Broken::Cut(Reason::BetweenBytesTimeout)),
        }
    }
}
