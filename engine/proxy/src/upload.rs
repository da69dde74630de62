//! The rest of a request's body, on its way while the server may already be answering.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ringfence_http::{Fault, Reason};
use ringfence_io::{Lease, Received, Scratch, Stream, now};

use crate::body::{Body, Coding, Piece, frame};
use crate::pace::Pace;
use crate::passage;
use crate::worker::Worker;

/// How an upload ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// The server has the whole body.
    Complete,
    /// The client broke off, or sent what is no body.
    ClientFault(Fault),
    /// The server takes no more; it may still answer.
    ServerStopped,
}

/// An upload under way; dropped, it stops where it is.
pub(crate) struct Upload {
    work: Pin<Box<dyn Future<Output = Ended>>>,
    ended: Option<Ended>,
    start: Rc<Start>,
    client: Rc<Stream>,
    /// Longest wait between two pieces.
    between: Duration,
    /// Received from the client and not yet consumed: in the end, what followed the body.
    pending: Rc<RefCell<Lease>>,
}

/// When the client's time to send began. One that asked first (`Expect: 100-continue`) may wait
/// for the answer as long as the server takes for it.
struct Start {
    uninvited: Cell<bool>,
    at: Cell<Duration>,
}

impl Start {
    /// Begins the client's time if it has not begun; true if this call did.
    fn begin(&self) -> bool {
        let first = self.uninvited.replace(false);
        if first {
            self.at.set(now());
        }
        first
    }
}

/// The two ends of an upload.
pub(crate) struct Ends {
    pub(crate) client: Rc<Stream>,
    pub(crate) server: Rc<Stream>,
    /// How long the server may take none of the bytes that wait for it.
    pub(crate) server_limit: Duration,
    pub(crate) worker: Rc<Worker>,
    /// The client waits to be told to continue.
    pub(crate) on_invitation: bool,
}

impl Upload {
    /// Begins to move the rest of `body` from the client to the server; first of all what an
    /// earlier attempt has already taken from the client.
    pub(crate) fn start(
        ends: Ends,
        pending: Lease,
        body: Rc<RefCell<Body>>,
        coding: Coding,
        pace: Pace,
    ) -> Self {
        let pending = Rc::new(RefCell::new(pending));
        let start = Rc::new(Start {
            uninvited: Cell::new(ends.on_invitation),
            at: Cell::new(now()),
        });
        let client = ends.client.clone();
        let mover = Mover {
            ends,
            body,
            coding,
            pace,
            start: start.clone(),
            pending: pending.clone(),
        };
        Self {
            work: Box::pin(mover.run()),
            ended: None,
            start,
            client,
            between: pace.between,
            pending,
        }
    }

    /// Tells that the client was told to continue: its time starts now.
    pub(crate) fn invite(&self) {
        if self.start.begin() {
            self.client.set_recv_deadline(Some(now() + self.between));
        }
    }

    /// True while the body is on its way: neither ended nor waiting for an invitation.
    pub(crate) fn is_moving(&self) -> bool {
        self.ended.is_none() && !self.start.uninvited.get()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// Takes back what was received and not consumed.
    pub(crate) fn take_leftover(&self) -> Lease {
        self.pending.replace(Lease::empty())
    }
}

/// Runs `work` to its end with the upload beside it; an error when the client's part fails first.
pub(crate) async fn alongside<T>(
    upload: &mut Option<Upload>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Fault> {
    let Some(upload) = upload else {
        return Ok(work.await);
    };
    poll_fn(|cx| {
        if upload.ended.is_none()
            && let Poll::Ready(ended) = upload.work.as_mut().poll(cx)
        {
            upload.ended = Some(ended);
            if let Ended::ClientFault(fault) = ended {
                return Poll::Ready(Err(fault));
            }
        }
        work.as_mut().poll(cx).map(Ok)
    })
    .await
}

struct Mover {
    ends: Ends,
    body: Rc<RefCell<Body>>,
    coding: Coding,
    pace: Pace,
    start: Rc<Start>,
    pending: Rc<RefCell<Lease>>,
}

impl Mover {
    async fn run(self) -> Ended {
        match self.finish().await {
            Ok(()) => Ended::Complete,
            Err(ended) => ended,
        }
    }

    async fn finish(&self) -> Result<(), Ended> {
        let kept = self.body.borrow().kept();
        let mut done = kept.done;
        self.pass_on(kept).await?;
        while !done {
            done = if self.pending.borrow().is_empty() {
                self.receive().await?
            } else {
                self.pass_pending().await?
            };
        }
        Ok(())
    }

    /// Passes on what is pending; true at the end of the body.
    async fn pass_pending(&self) -> Result<bool, Ended> {
        let piece = {
            let mut body = self.body.borrow_mut();
            let piece = body
                .decode(&mut self.pending.borrow_mut())
                .map_err(Ended::ClientFault)?;
            body.keep(&piece);
            piece
        };
        let done = piece.done;
        self.pass_on(piece).await?;
        Ok(done)
    }

    async fn pass_on(&self, piece: Piece) -> Result<(), Ended> {
        if piece.data.is_empty() && !piece.done {
            return Ok(());
        }
        let out = frame(
            Scratch::take(),
            piece.data,
            piece.done,
            piece.trailers.as_ref(),
            self.coding,
        );
        self.deliver(self.ends.server.send(out)).await
    }

    async fn deliver(&self, sending: impl Future<Output = io::Result<()>>) -> Result<(), Ended> {
        let limit = self.ends.server_limit;
        self.ends.server.set_send_limit(Some(limit));
        sending.await.map_err(|_| Ended::ServerStopped)
    }

    /// Receives more: it is then pending, or has been passed on unseen. True at the end of the body.
    async fn receive(&self) -> Result<bool, Ended> {
        match self.receive_in_time().await {
            Err(reason) => Err(Ended::ClientFault(reason.into())),
            Ok(Received::Bytes(more)) => {
                self.pending.replace(more);
                Ok(false)
            }
            Ok(Received::Piped(pipe)) => {
                self.body.borrow_mut().pass(pipe.len());
                self.deliver(self.ends.server.send_piped(pipe)).await?;
                Ok(self.body.borrow().is_done())
            }
        }
    }

    async fn receive_in_time(&self) -> Result<Received, Reason> {
        let received = self.body.borrow().received();
        let (until, late) = self.pace.next_by(self.start.at.get(), now(), received);
        let waits = self.start.uninvited.get();
        self.ends
            .client
            .set_recv_deadline((!waits).then_some(until));
        let receiving = passage::receive(&self.ends.client, &self.body.borrow(), &self.ends.worker);
        match receiving.await {
            Ok(Received::Bytes(more)) if more.is_empty() => Err(Reason::BodyTooShort),
            Ok(more) => {
                self.start.begin();
                Ok(more)
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(late),
            Err(_) => Err(Reason::ClientGone),
        }
    }
}
