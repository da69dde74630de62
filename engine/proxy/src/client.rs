//! Who a response is for.

use std::cell::RefCell;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use ringfence_http::Reason;
use ringfence_io::{Outgoing, Pipe, Stream};
use ringfence_telemetry::Fetched;

/// Who a response is for.
#[derive(Clone)]
pub(crate) enum Client {
    Peer(Rc<Stream>),
    /// Nobody: it is fetched for the store.
    Nobody(Rc<Absent>),
}

/// Whom a response would be for that is fetched for the store.
pub(crate) struct Absent {
    /// The address of the one that asked last, or that would ask.
    ip: IpAddr,
    /// Whoever ordered it waits to hear what became of it.
    is_awaited: bool,
    told: RefCell<Fetched>,
}

impl Absent {
    pub(crate) fn new(ip: IpAddr, is_awaited: bool) -> Rc<Self> {
        Rc::new(Self {
            ip,
            is_awaited,
            told: RefCell::default(),
        })
    }

    /// Tells what became of the request, where somebody waits to hear it.
    pub(crate) fn tell(&self, what: impl FnOnce() -> Fetched) {
        if self.is_awaited {
            self.told.replace(what());
        }
    }

    /// What became of the request.
    pub(crate) fn told(&self) -> Fetched {
        self.told.take()
    }
}

/// Why a send to a client has failed.
pub(crate) fn why_unsent(error: io::Error) -> Reason {
    match error.kind() {
        ErrorKind::TimedOut => Reason::SlowClient,
        _ => Reason::ClientGone,
    }
}

impl Client {
    /// The address that the request is from.
    pub(crate) fn ip(&self) -> IpAddr {
        match self {
            // Listeners are TCP: an address is missing only where the client has gone already.
            Self::Peer(stream) => stream
                .peer()
                .ip()
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            Self::Nobody(absent) => absent.ip,
        }
    }

    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody(_))
    }

    /// As [`Stream::set_send_limit`].
    pub(crate) fn set_send_limit(&self, limit: Option<Duration>) {
        if let Self::Peer(stream) = self {
            stream.set_send_limit(limit);
        }
    }

    /// As [`Stream::send`].
    pub(crate) async fn send(&self, out: Outgoing) -> io::Result<()> {
        match self {
            Self::Peer(stream) => stream.send(out).await,
            Self::Nobody(_) => Ok(()),
        }
    }

    /// As [`Stream::send_piped`].
    pub(crate) async fn send_piped(&self, pipe: Pipe) -> io::Result<()> {
        match self {
            Self::Peer(stream) => stream.send_piped(pipe).await,
            Self::Nobody(_) => Ok(()),
        }
    }

    /// Waits until it has gone.
    pub(crate) async fn closed(&self) {
        match self {
            Self::Peer(stream) => stream.closed().await,
            Self::Nobody(_) => pending().await,
        }
    }
}
