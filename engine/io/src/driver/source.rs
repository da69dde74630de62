//! A descriptor that is waited for, by whichever driver runs on this core.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use super::incoming::{Ahead, Incoming, Wish};
use super::socket::{Kind, Socket};
use super::{monoio, native, sim};
use crate::lease::Lease;
use crate::outgoing::Outgoing;

/// A descriptor that is waited for.
pub(crate) enum Source {
    /// By monoio: readiness, and nothing else.
    Monoio(monoio::Source),
    /// By the native driver, which also receives ahead.
    Native(native::Source),
    /// By the simulated driver, which does what either of the others does.
    Simulated(sim::Source),
}

impl Source {
    /// Takes over a non-blocking socket, listener or eventfd.
    ///
    /// # Errors
    /// When the driver cannot watch it; it is then closed.
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        let fd = match socket.0 {
            Kind::Kernel(fd) => fd,
            Kind::Simulated(socket) => return Ok(Self::Simulated(sim::Source::new(socket))),
        };
        if native::is_running() {
            native::Source::new(fd).map(Self::Native)
        } else {
            monoio::Source::new(fd).map(Self::Monoio)
        }
    }

    /// Ready when a read is worth trying: at once where a wait that was given up has ended since.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Monoio(source) => source.poll_readable(cx),
            Self::Native(source) => source.poll_readable(cx),
            Self::Simulated(source) => source.poll_readable(cx),
        }
    }

    /// Ready when a write is worth trying.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Monoio(source) => source.poll_writable(cx),
            Self::Native(source) => source.poll_writable(cx),
            Self::Simulated(source) => source.poll_writable(cx),
        }
    }

    /// Whether the driver takes sends over: [`Source::hand_over`] rather than calls of our own.
    pub(crate) fn takes_over(&self) -> bool {
        match self {
            Self::Monoio(_) => false,
            Self::Native(_) => true,
            Self::Simulated(source) => source.takes_over(),
        }
    }

    /// Has the driver send this, where it does, once [`Source::poll_flushed`] says that nothing is
    /// under way.
    ///
    /// # Errors
    /// When the core that serves the socket has ended.
    pub(crate) fn hand_over(&self, out: Outgoing) -> io::Result<()> {
        match self {
            Self::Monoio(_) => unreachable!("it sends nothing by itself"),
            Self::Native(source) => source.hand_over(out),
            Self::Simulated(source) => {
                source.hand_over(out);
                Ok(())
            }
        }
    }

    /// Ready when the kernel has all that was handed over, or has refused it.
    pub(crate) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Monoio(_) => Poll::Ready(Ok(())),
            Self::Native(source) => source.poll_flushed(cx),
            Self::Simulated(source) => source.poll_flushed(cx),
        }
    }

    /// Whether a send that was handed over was told that the connection was reset.
    pub(crate) fn was_reset(&self) -> bool {
        match self {
            Self::Monoio(_) => false,
            Self::Native(source) => source.was_reset(),
            Self::Simulated(source) => source.was_reset(),
        }
    }

    /// What has been received ahead, or when to read.
    pub(crate) fn poll_incoming(
        &self,
        cx: &mut Context<'_>,
        wish: Wish,
    ) -> Poll<io::Result<Incoming>> {
        match self {
            Self::Monoio(_) if wish.eager => Poll::Ready(Ok(Incoming::Read)),
            Self::Monoio(source) => source.poll_readable(cx).map_ok(|()| Incoming::Read),
            Self::Native(source) => source.poll_incoming(cx, wish),
            Self::Simulated(source) => source.poll_incoming(cx, wish),
        }
    }

    /// What a listener finds accepted. With `last`, nothing is accepted ahead any more.
    pub(crate) fn accepted(&self, last: bool) -> Ahead {
        match self {
            Self::Monoio(_) | Self::Simulated(_) => Ahead::Unknown,
            Self::Native(source) => source.accepted(last),
        }
    }

    /// Ends accepting ahead for now; what has been accepted stays.
    pub(crate) fn end_ahead(&self) {
        match self {
            Self::Monoio(_) | Self::Simulated(_) => {}
            Self::Native(source) => source.end_ahead(),
        }
    }

    /// Ready when an accept is worth trying, or there is something for [`Source::accepted`].
    pub(crate) fn poll_accepted(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Monoio(source) => source.poll_readable(cx),
            Self::Native(source) => source.poll_accepted(cx),
            Self::Simulated(source) => source.poll_readable(cx),
        }
    }

    /// Gives back bytes that were received ahead and could not be used yet.
    pub(crate) fn put_back(&self, lease: Lease) {
        match self {
            Self::Monoio(_) => unreachable!("it receives nothing ahead"),
            Self::Native(source) => source.put_back(lease),
            Self::Simulated(source) => source.put_back(lease),
        }
    }

    /// Begins to watch what comes, where the driver can.
    pub(crate) fn watch(&self) {
        if let Self::Native(source) = self {
            source.watch();
        }
    }

    /// Whether nothing has come, where the driver knows that without asking the kernel.
    pub(crate) fn is_quiet(&self) -> Option<bool> {
        match self {
            Self::Monoio(_) => None,
            Self::Native(source) => source.is_quiet(),
            Self::Simulated(source) => source.is_quiet(),
        }
    }

    /// Waits until a read is worth trying.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until a write is worth trying.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Gives the socket back, free of its driver.
    ///
    /// # Errors
    /// When no descriptor is left for that, or bytes have come that nobody has received.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Monoio(source) => source.into_fd().map(Socket::from),
            Self::Native(source) => source.into_fd().map(Socket::from),
            Self::Simulated(source) => {
                let socket = source.into_socket()?;
                Ok(Socket(Kind::Simulated(socket)))
            }
        }
    }
}
