//! Receiving a response on behalf of all who want it: as fast as its server sends it, and whoever of them stays.

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use ringfence_config::UpstreamId;
use ringfence_http::Reason;
use ringfence_io::{Lease, SharedBuf, now, spawn};

use crate::body::Body;
use crate::cache::Broadcast;
use crate::epoch::Epoch;
use crate::exchange::{Call, Exchange, Join, Station};
use crate::worker::Worker;

/// A response that is to be received for all who want it.
pub(crate) struct Common {
    pub(crate) broadcast: Broadcast,
    pub(crate) memory: SharedBuf,
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
}

/// Has the response received from now on, and answers this client, too, with what comes of it.
pub(crate) fn start(ex: &Exchange<'_>, call: Call, shared: Shared) -> Station {
    let Shared { body, common, join } = shared;
    let mut gathering = Gathering {
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
    // What has come with the head goes out with it.
    let begun = gathering.take_pending();
    spawn(gathering.run(begun));
    Station::Join(join)
}

impl Gathering {
    async fn run(mut self, begun: Result<bool, Broken>) {
        let outcome = self.receive_rest(begun).await;
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
        let Common { broadcast, memory } = *common;
        match outcome {
            Ok(()) => {
                broadcast.end(memory.so_far());
                let fit = reusable && call.pending.is_empty();
                let fit_for = fit.then_some((&*epoch, upstream));
                call.settle(&worker, answered, fit_for);
            }
            Err(Broken::Cut(reason)) => {
                call.ticket.failed();
                broadcast.cut(reason);
            }
            Err(Broken::OutOfTime) => broadcast.cut(Reason::RequestTimeout),
        }
    }

    async fn receive_rest(&mut self, begun: Result<bool, Broken>) -> Result<(), Broken> {
        let mut done = begun?;
        while !done {
            self.call.pending = self.receive().await?;
            done = self.take_pending()?;
        }
        Ok(())
    }

    /// Takes what has come; true where nothing is left to come. The last of it goes out when it is stored.
    fn take_pending(&mut self) -> Result<bool, Broken> {
        let Common { broadcast, memory } = &mut *self.common;
        let piece = self.body.decode(&mut self.call.pending);
        let piece = piece.map_err(|fault| Broken::Cut(fault.from_upstream().reason))?;
        memory.extend(&piece.data);
        if !piece.done && !piece.data.is_empty() {
            broadcast.advance(memory.so_far());
        }
        Ok(piece.done)
    }

    async fn receive(&mut self) -> Result<Lease, Broken> {
        let server = &self.call.link.stream;
        let late = now() + self.between;
        server.set_recv_deadline(Some(self.expires.map_or(late, |end| end.min(late))));
        let most = self.body.expected().min(self.worker.piece());
        match server.recv_sized(most).await {
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
            Err(_) if self.expires.is_some_and(|end| end <= now()) => Err(Broken::OutOfTime),
            Err(_) => Err(Broken::Cut(Reason::BetweenBytesTimeout)),
        }
    }
}
