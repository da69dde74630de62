//! Messages to a core from any thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use crossbeam_queue::SegQueue;

use crate::bell::{self, Bell};
use crate::budget;

/// A new mailbox and the way to post to it. Messages posted by one thread arrive in order.
pub fn mailbox<T: Send>() -> (Postbox<T>, Mailbox<T>) {
    let shared = Arc::new(Shared {
        queue: SegQueue::new(),
        parked: AtomicBool::new(false),
        bell: OnceLock::new(),
    });
    (Postbox(shared.clone()), Mailbox(shared))
}

/// The posting end; clones post to the same mailbox.
pub struct Postbox<T>(Arc<Shared<T>>);

/// The receiving end. It may be sent to its core, and is received from on one core only.
pub struct Mailbox<T>(Arc<Shared<T>>);

struct Shared<T> {
    queue: SegQueue<T>,
    /// The receiver has found nothing and waits for the bell.
    parked: AtomicBool,
    /// The bell of the core that receives, once it has begun.
    bell: OnceLock<Arc<Bell>>,
}

impl<T: Send> Postbox<T> {
    /// Posts a message; never waits. Where the mailbox has gone it is dropped with the last postbox.
    /// The queue has no bound of its own: whoever posts must bound what is under way.
    pub fn post(&self, message: T) {
        self.0.queue.push(message);
        // Of all that post while the core sleeps, one pays for the system call.
        if self.0.parked.swap(false, Ordering::SeqCst)
            && let Some(bell) = self.0.bell.get()
        {
            bell.ring();
        }
    }
}

impl<T> Clone for Postbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send> Mailbox<T> {
    /// Waits for a message. Dropping the future loses none.
    ///
    /// # Panics
    /// Outside [`crate::run`], and on another core than before.
    pub async fn recv(&mut self) -> T {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// A message that is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.queue.pop()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        // Whoever posts without end must not keep the core to itself.
        ready!(budget::poll_left(cx));
        budget::spend(0);
        if let Some(message) = self.0.queue.pop() {
            return Poll::Ready(message);
        }
        let own = bell::own().expect("a mailbox is received from on a core");
        let bell = self.0.bell.get_or_init(|| own.clone());
        assert!(
            Arc::ptr_eq(bell, &own),
            "a mailbox is received from on one core only"
        );
        bell::listen(cx.waker());
        // A swap, not a store: what was posted before a swap that it overwrites must be seen below.
        self.0.parked.swap(true, Ordering::SeqCst);
        match self.0.queue.pop() {
            Some(message) => Poll::Ready(message),
            None => Poll::Pending,
        }
    }
}
