//! The core's bell, which any thread may ring to make the core look at its mailboxes,
//! and the core itself to get a turn of its reactor.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use crate::driver::{self, Chime, Source};

/// Pause before the bell is listened to again when the driver cannot wait for it.
const RETRY: Duration = Duration::from_millis(10);

/// The ringing end; shared between threads.
pub(crate) struct Bell {
    chime: Chime,
    /// Rung and not yet heard: further rings need no system call.
    rung: AtomicBool,
}

thread_local! {
    static OWN: RefCell<Option<Arc<Bell>>> = const { RefCell::new(None) };
    /// Tasks that look at their mailbox when the bell is heard.
    static LISTENING: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
    /// Tasks that wait for a turn of the reactor.
    static RESTING: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

impl Bell {
    /// Makes the core look.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.chime.ring();
        }
    }

    fn heard(&self, source: &Source) {
        source.hear();
        // A swap, not a store: it must see what was posted before the rings that it swallows.
        self.rung.swap(false, Ordering::SeqCst);
    }
}

/// This core's bell; nothing on a thread that runs no core.
pub(crate) fn own() -> Option<Arc<Bell>> {
    OWN.with_borrow(Clone::clone)
}

/// Wakes the task the next time that the bell is heard.
pub(crate) fn listen(waker: &Waker) {
    LISTENING.with_borrow_mut(|listening| {
        if !listening.iter().any(|other| other.will_wake(waker)) {
            listening.push(waker.clone());
        }
    });
}

/// Wakes the task after a turn of the reactor. Where the driver does not see to that by itself,
/// the bell is rung, but heard only among what else has become ready.
pub(crate) fn await_turn(waker: &Waker) {
    if driver::is_fair() {
        return waker.wake_by_ref();
    }
    RESTING.with_borrow_mut(|resting| {
        if !resting.last().is_some_and(|last| last.will_wake(waker)) {
            resting.push(waker.clone());
        }
    });
    OWN.with_borrow(|own| {
        if let Some(bell) = own {
            bell.ring();
        }
    });
}

/// Hangs up this core's bell and gives the task that listens to it, to be run on the core.
///
/// # Errors
/// When no descriptor is left.
pub(crate) fn hang() -> io::Result<impl Future<Output = ()>> {
    let (chime, source) = Chime::hang()?;
    let bell = Arc::new(Bell {
        chime,
        rung: AtomicBool::new(false),
    });
    OWN.set(Some(bell.clone()));
    Ok(answer(bell, source))
}

/// What this module keeps of one core.
#[derive(Default)]
pub(crate) struct Kept {
    own: Option<Arc<Bell>>,
    listening: Vec<Waker>,
    resting: Vec<Waker>,
}

/// Exchanges what is kept here with that of another core, which takes its turn on this thread.
pub(crate) fn swap(kept: &mut Kept) {
    kept.own = OWN.replace(kept.own.take());
    kept.listening = LISTENING.replace(std::mem::take(&mut kept.listening));
    kept.resting = RESTING.replace(std::mem::take(&mut kept.resting));
}

/// Takes this core's bell down.
pub(crate) fn take_down() {
    OWN.set(None);
    LISTENING.take();
    RESTING.take();
}

async fn answer(bell: Arc<Bell>, source: Source) {
    loop {
        match source.readable().await {
            Ok(()) => bell.heard(&source),
            // The driver is short of something: look all the same, a little later.
            Err(_) => driver::sleep(RETRY).await,
        }
        for waker in LISTENING.take().into_iter().chain(RESTING.take()) {
            waker.wake();
        }
    }
}
