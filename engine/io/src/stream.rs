//! One connection: what it is made from and what can be asked of it without waiting.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;

use crate::counters;
use crate::deadline::Slot;
use crate::driver::{Socket, Source};
use crate::peer::Peer;

/// One TCP or Unix stream connection. Dropping it closes it.
///
/// One receive and one send may be under way at once. No buffer is held by a connection that
/// waits: bytes come in a buffer that the driver shares among all, or by a non-blocking call made
/// when the socket is ready for it.
pub struct Stream {
    pub(crate) source: Source,
    peer: Peer,
    /// Bytes may be there already: try before waiting.
    pub(crate) eager: Cell<bool>,
    /// What came last was moved through a pipe.
    pub(crate) moved: Cell<bool>,
    /// A send is under way, or did not reach its end: nothing sensible can follow.
    pub(crate) poisoned: Cell<bool>,
    /// A send was told that the connection was reset. The kernel tells that once.
    pub(crate) was_reset: Cell<bool>,
    pub(crate) recv_deadline: Slot,
    pub(crate) send_deadline: Slot,
    pub(crate) send_limit: Cell<Option<Duration>>,
    _counted: Counted,
}

impl Stream {
    /// Takes over a connected socket, such as one that [`Stream::detach`] gave on another core.
    ///
    /// # Errors
    /// When the socket is not connected any more or the driver cannot watch it; it is then closed.
    pub fn attach(socket: Socket) -> io::Result<Self> {
        socket.set_non_blocking()?;
        let peer = socket.peer()?;
        let stream = Self::new(socket, peer)?;
        stream.eager.set(false);
        Ok(stream)
    }

    /// Takes the socket off this core, to be attached on another. Deadlines are not carried over.
    ///
    /// # Errors
    /// When bytes have been received ahead that nobody asked for, or no descriptor is left while
    /// a wait that was given up is still with the kernel; the connection is then closed. Never
    /// for a connection that has been idle.
    pub fn detach(self) -> io::Result<Socket> {
        self.source.into_socket()
    }

    /// Wraps a connected, non-blocking socket.
    pub(crate) fn new(socket: Socket, peer: Peer) -> io::Result<Self> {
        Ok(Self::over(Source::new(socket)?, peer))
    }

    pub(crate) fn over(source: Source, peer: Peer) -> Self {
        Self {
            source,
            peer,
            eager: Cell::new(true),
            moved: Cell::new(false),
            poisoned: Cell::new(false),
            was_reset: Cell::new(false),
            recv_deadline: Slot::default(),
            send_deadline: Slot::default(),
            send_limit: Cell::new(None),
            _counted: Counted::new(),
        }
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Our own address; nothing over a Unix socket. Costs a system call.
    pub fn local(&self) -> Option<SocketAddr> {
        self.source.local()
    }

    /// From the moment `at` ([`crate::now`]'s time) receives fail with
    /// [`io::ErrorKind::TimedOut`], the one that waits too, give or take 50 ms; nothing is lost,
    /// and a new deadline lets the next receive go on. `None` waits for ever.
    pub fn set_recv_deadline(&self, at: Option<Duration>) {
        self.recv_deadline.set(at);
    }

    /// A send fails with [`io::ErrorKind::TimedOut`] when the peer has taken none of what waits
    /// for it for so long, up to twice that where its slowness cannot be told from a stop.
    /// `None` waits for ever. A send that is under way keeps the limit that it began with.
    pub fn set_send_limit(&self, limit: Option<Duration>) {
        self.send_limit.set(limit);
    }

    /// Begins to watch a connection that becomes idle, where the driver can.
    pub fn watch(&self) {
        self.source.watch();
    }

    /// True while an idle connection can be used: neither ended nor failed, no bytes that nobody
    /// asked for, no send cut off. Costs a system call, but where the driver has watched it: then
    /// it is what was known when the core's present round began, which is a moment ago.
    pub fn looks_alive(&self) -> bool {
        !self.poisoned.get()
            && self
                .source
                .is_quiet()
                .unwrap_or_else(|| matches!(self.source.peek(), Err(Errno::AGAIN)))
    }

    /// Ends our side when all is [`Stream::flushed`]: the peer reads to the end of what we sent and
    /// then sees the end. Receiving goes on. A peer that has gone already is no matter.
    pub async fn shutdown_write(&self) {
        // Where that fails, nothing more reaches the peer either.
        let _ = self.flushed().await;
        self.source.shutdown_write();
    }
}

/// Counts a stream for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        counters::up(|c| &c.streams);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        counters::down(|c| &c.streams);
    }
}
