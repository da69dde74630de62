//! Accepting, through one loop that is never cancelled but stopped through the listener.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::clock::now;
use crate::driver::{self, Ahead, Socket, Source};
use crate::limits::WatchedLimit;
use crate::listen::ListenSocket;
use crate::peer::Peer;
use crate::stream::Stream;
use crate::{budget, counters};

/// First pause when descriptors or memory run out; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(10);

/// Longest pause.
const PAUSE_LONGEST: Duration = Duration::from_millis(500);

/// Most connections closed unserved before each pause.
const SHED_AT_ONCE: usize = 32;

/// A listening socket that this core serves.
pub struct Listener {
    /// Nothing once it is closed and drained.
    source: RefCell<Option<Source>>,
    address: SocketAddr,
    closing: Cell<bool>,
    waiting: Cell<Option<Waker>>,
    /// The pause to come when the next accept fails for want of something.
    pause: Cell<Duration>,
    /// Held so that it can be given up for a moment to close a connection that cannot be served.
    reserve: RefCell<Option<OwnedFd>>,
    limit: WatchedLimit,
}

impl Listener {
    /// Begins to serve a listening socket on this core.
    ///
    /// # Errors
    /// When no descriptor is left or the driver cannot watch the socket.
    pub fn new(socket: ListenSocket) -> io::Result<Self> {
        let address = socket.local_addr();
        Ok(Self {
            source: RefCell::new(Some(Source::new(socket.socket)?)),
            address,
            closing: Cell::new(false),
            waiting: Cell::new(None),
            pause: Cell::new(PAUSE_FIRST),
            reserve: RefCell::new(Some(new_reserve()?)),
            limit: WatchedLimit::default(),
        })
    }

    /// The address it is bound to, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; `None` once the listener is closed and those already established
    /// have been handed out. Call it from one task only.
    ///
    /// When descriptors or memory run out it pauses, longer each time, and from the second pause
    /// on closes connections that it cannot serve; both are counted (see [`crate::stats`]).
    pub async fn accept(&self) -> Option<Stream> {
        loop {
            budget::left().await;
            match self.take()? {
                Ok((socket, peer)) => {
                    budget::spend(0);
                    if let Ok(stream) = Stream::new(socket, peer) {
                        self.pause.set(PAUSE_FIRST);
                        return Some(stream);
                    }
                    // The driver cannot watch one more: the connection is closed.
                    counters::up(|c| &c.shed);
                    self.back_off().await;
                }
                // Connections that failed before we took them (accept(2) passes network errors on).
                Err(errno) if is_of_the_peer(errno) => budget::spend(0),
                // Nothing more is to be had from a socket that was closing before this look at it.
                Err(_) if self.closing.get() => drop(self.source.take()),
                Err(Errno::AGAIN) => self.ready().await,
                Err(errno) => {
                    self.shed(errno);
                    self.back_off().await;
                    self.ready().await;
                }
            }
        }
    }

    /// Stops taking connections: those that are established already are still handed out by
    /// [`Listener::accept`], which then ends and frees the port.
    pub fn close(&self) {
        self.closing.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// The next connection: one that the driver has accepted ahead, or one that waits.
    fn take(&self) -> Option<Result<(Socket, Peer), Errno>> {
        let ahead = self.source.borrow().as_ref()?.accepted(self.closing.get());
        match ahead {
            Ahead::Unknown => self.accept_now(),
            Ahead::Nothing => Some(Err(Errno::AGAIN)),
            Ahead::Failed(errno) => Some(Err(errno)),
            Ahead::Socket(socket) if self.is_beyond_limit(&socket) => {
                // The kernel accepts ahead up to the limit that was in force when it began.
                self.source.borrow().as_ref()?.end_ahead();
                counters::up(|c| &c.shed);
                Some(Err(Errno::MFILE))
            }
            Ahead::Socket(socket) => Some(match socket.peer() {
                Ok(peer) => Ok((socket, peer)),
                // It has come and gone.
                Err(_) => Err(Errno::CONNABORTED),
            }),
        }
    }

    fn is_beyond_limit(&self, socket: &Socket) -> bool {
        let number = socket.number();
        number.is_some_and(|number| number as u64 >= self.limit.get(now()))
    }

    fn accept_now(&self) -> Option<Result<(Socket, Peer), Errno>> {
        Some(self.source.borrow().as_ref()?.accept())
    }

    /// Waits until a connection may be there or the listener is being closed.
    async fn ready(&self) {
        let mut failed = false;
        self.unless_closing(poll_fn(|cx| match &*self.source.borrow() {
            Some(source) => source
                .poll_accepted(cx)
                .map(|result| failed = result.is_err()),
            None => Poll::Ready(()),
        }))
        .await;
        if failed {
            self.back_off().await;
        }
    }

    async fn back_off(&self) {
        counters::up(|c| &c.backoffs);
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(PAUSE_LONGEST));
        self.unless_closing(driver::sleep(pause)).await;
    }

    async fn unless_closing(&self, wait: impl Future<Output = ()>) {
        let mut wait = pin!(wait);
        poll_fn(|cx| {
            if self.closing.get() {
                return Poll::Ready(());
            }
            self.waiting.set(Some(cx.waker().clone()));
            wait.as_mut().poll(cx)
        })
        .await;
    }

    /// Closes connections that cannot be served: they would time out in the backlog. A short
    /// want passes without that, during the first pause.
    fn shed(&self, errno: Errno) {
        if self.pause.get() == PAUSE_FIRST || !matches!(errno, Errno::MFILE | Errno::NFILE) {
            return;
        }
        let mut reserve = self.reserve.borrow_mut();
        for _ in 0..SHED_AT_ONCE {
            *reserve = None;
            match self.accept_now() {
                Some(Ok(connection)) => {
                    drop(connection);
                    counters::up(|c| &c.shed);
                }
                _ => break,
            }
        }
        // Another thread may have been faster; the next round tries again.
        *reserve = new_reserve().ok();
    }
}

fn new_reserve() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC)?)
}

/// True for errors of one connection that say nothing about the next.
fn is_of_the_peer(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::INTR
            | Errno::CONNABORTED
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH
            | Errno::TIMEDOUT
    )
}
