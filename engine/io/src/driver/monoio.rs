//! The driver over monoio: readiness of a descriptor, tasks, sleep, and the loop that runs them.
//!
//! Only waits are monoio's. Every transfer is a non-blocking call of our own, so the kernel never
//! holds our memory and a wait that is given up loses nothing.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use monoio::net::UnixStream;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use pin_project_lite::pin_project;

use super::ring::Strength;

thread_local! {
    static ON_RING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `main` on this thread: over a ring of that strength, or over epoll. `entries` is the
/// length of the submission queue, or of the event list.
///
/// # Errors
/// When the kernel refuses the ring or the epoll instance.
pub(crate) fn run<F: Future>(
    ring: Option<Strength>,
    entries: u32,
    main: F,
) -> io::Result<F::Output> {
    ON_RING.set(ring.is_some());
    match ring {
        Some(strength) => {
            let builder =
                RuntimeBuilder::<IoUringDriver>::new().uring_builder(strength.builder(entries));
            Ok(builder
                .with_entries(entries)
                .enable_timer()
                .build()?
                .block_on(main))
        }
        None => {
            let builder = RuntimeBuilder::<LegacyDriver>::new();
            Ok(builder
                .with_entries(entries)
                .enable_timer()
                .build()?
                .block_on(main))
        }
    }
}

/// Runs a future beside the others on this thread. It must not panic.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    drop(monoio::spawn(future));
}

/// Waits for a while, to the millisecond. Each call costs a timer: for waits off the request path.
pub(crate) async fn sleep(duration: Duration) {
    // Boxed: a timer is large, and so would be every future that may sleep.
    Box::pin(monoio::time::sleep(duration)).await;
}

/// A descriptor whose readiness can be waited for.
pub(crate) struct Source {
    /// monoio's name for any pollable descriptor; nothing is read or written through it.
    inner: Rc<UnixStream>,
    read: Interest,
    write: Interest,
}

impl Source {
    /// Takes over a non-blocking descriptor: socket, listener or eventfd.
    ///
    /// # Errors
    /// When the kernel cannot watch it; the descriptor is then closed.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let inner = Rc::new(UnixStream::from_std(fd.into())?);
        Ok(Self {
            inner,
            read: Interest::new(Direction::Read),
            write: Interest::new(Direction::Write),
        })
    }

    /// Ready when a read is worth trying: at once where a wait that was given up has ended since.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.read.poll(&self.inner, cx)
    }

    /// Ready when a write is worth trying.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll(&self.inner, cx)
    }

    /// Gives the descriptor back, free of this driver.
    ///
    /// # Errors
    /// When a wait is still with the kernel, so that the descriptor had to be duplicated, and
    /// none was left for that.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        if self.read.in_flight() || self.write.in_flight() {
            return self.as_fd().try_clone_to_owned();
        }
        let Self { inner, read, write } = self;
        drop((read, write));
        let inner = Rc::into_inner(inner).expect("no wait holds the descriptor");
        // SAFETY: `into_raw_fd` gives up ownership of an open descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(inner.into_raw_fd()) })
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `inner` keeps the descriptor open for as long as `self` is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.inner.as_raw_fd()) }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

/// Waits for `relaxed` readiness: what monoio remembers is believed; otherwise it is checked
/// with the kernel first. On a ring there is no difference.
async fn wait(inner: &UnixStream, direction: Direction, relaxed: bool) -> io::Result<()> {
    match direction {
        Direction::Read => inner.readable(relaxed).await,
        Direction::Write => inner.writable(relaxed).await,
    }
}

/// One direction's wait, which outlives the futures that ask for it.
struct Interest {
    direction: Direction,
    /// epoll: the remembered readiness has been found stale, and the task is registered.
    armed: Cell<bool>,
    /// Ring: the poll that is, or was, with the kernel.
    ring: RefCell<Option<Pin<Box<dyn Again>>>>,
}

impl Interest {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            armed: Cell::new(false),
            ring: RefCell::new(None),
        }
    }

    fn poll(&self, inner: &Rc<UnixStream>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ON_RING.get() {
            self.poll_ring(inner, cx)
        } else {
            self.poll_epoll(inner, cx)
        }
    }

    /// monoio registers once, edge-triggered, and remembers readiness until a call would block.
    /// So the first look is checked with the kernel, and once it has found nothing, the next
    /// event can be believed. A wait holds nothing in between: dropping it costs nothing.
    fn poll_epoll(&self, inner: &UnixStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = pin!(wait(inner, self.direction, self.armed.get())).poll(cx);
        self.armed.set(polled.is_pending());
        polled
    }

    /// The poll stays with the kernel when the future that asked is dropped, and the next one
    /// takes it over: cancelling would cost two submissions.
    fn poll_ring(&self, inner: &Rc<UnixStream>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ring = self.ring.borrow_mut();
        let again = ring.get_or_insert_with(|| {
            let (inner, direction) = (inner.clone(), self.direction);
            Box::pin(Repeated {
                make: move || {
                    let inner = inner.clone();
                    async move { wait(&inner, direction, false).await }
                },
                current: None,
            })
        });
        again.as_mut().poll_again(cx)
    }

    fn in_flight(&self) -> bool {
        self.ring
            .borrow()
            .as_ref()
            .is_some_and(|again| again.in_flight())
    }
}

/// A future that can be run again after it is done, in the same place.
trait Again {
    fn poll_again(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn in_flight(&self) -> bool;
}

pin_project! {
    struct Repeated<M, F> {
        make: M,
        #[pin]
        current: Option<F>,
    }
}

impl<M: Fn() -> F, F: Future<Output = io::Result<()>>> Again for Repeated<M, F> {
    fn poll_again(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if this.current.is_none() {
            this.current.set(Some((this.make)()));
        }
        let current = this
            .current
            .as_mut()
            .as_pin_mut()
            .expect("it was just made");
        let result = ready!(current.poll(cx));
        this.current.set(None);
        Poll::Ready(result)
    }

    fn in_flight(&self) -> bool {
        self.current.is_some()
    }
}
