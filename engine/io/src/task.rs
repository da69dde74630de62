//! Tasks: a panic costs the task, never the core.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;
use slab::Slab;

use crate::{budget, clock, counters, driver};

thread_local! {
    /// The tasks that have been polled and have not ended.
    static LIVE: RefCell<Slab<Waker>> = const { RefCell::new(Slab::new()) };
    /// The core is ending: tasks are dropped when they are next polled.
    static ENDING: Cell<bool> = const { Cell::new(false) };
}

/// Most rounds in which a core that ends waits for its tasks to be dropped.
const END_ROUNDS: u32 = 100;

/// Rounds after that in which the kernel lets go of what the tasks waited for.
const SETTLE_ROUNDS: u32 = 3;

/// What this module keeps of one core.
#[derive(Default)]
pub(crate) struct Kept {
    live: Slab<Waker>,
    ending: bool,
}

/// Exchanges what is kept here with that of another core, which takes its turn on this thread.
pub(crate) fn swap(kept: &mut Kept) {
    LIVE.with_borrow_mut(|live| std::mem::swap(live, &mut kept.live));
    kept.ending = ENDING.replace(kept.ending);
}

/// Runs `future` on this core beside the others. When it panics it is dropped and the panic is
/// counted (see [`panics`]); the core goes on.
///
/// # Panics
/// Outside [`crate::run`].
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    driver::spawn(Guarded {
        future: Some(future),
        seat: Seat::default(),
        counted: Some(Counted::new()),
    });
}

/// Panics of tasks on this core so far.
pub fn panics() -> u64 {
    counters::get(|c| &c.panics)
}

/// Runs a task of the core's own: guarded like any other, but not counted as live.
pub(crate) fn spawn_service(future: impl Future<Output = ()> + 'static) {
    driver::spawn(Guarded {
        future: Some(future),
        seat: Seat::default(),
        counted: None,
    });
}

/// Runs a core's first future, then drops all tasks that are left, so that the driver can be
/// taken down without leaving descriptors behind. A panic of the first future goes on after that.
pub(crate) async fn to_the_end<T>(main: impl Future<Output = T>) -> T {
    ENDING.set(false);
    let outcome = First { future: main }.await;
    ENDING.set(true);
    for _ in 0..END_ROUNDS {
        if LIVE.with_borrow(Slab::is_empty) {
            break;
        }
        LIVE.with_borrow(|live| live.iter().for_each(|(_, waker)| waker.wake_by_ref()));
        driver::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..SETTLE_ROUNDS {
        driver::sleep(Duration::from_millis(1)).await;
    }
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Counts a task for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        counters::up(|c| &c.tasks);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        counters::down(|c| &c.tasks);
    }
}

pin_project! {
    /// A core's first future: its panic is an outcome.
    struct First<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for First<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        budget::refill();
        match catch_unwind(AssertUnwindSafe(|| self.project().future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

pin_project! {
    /// A future whose panics end it and nothing else.
    struct Guarded<F> {
        #[pin]
        future: Option<F>,
        seat: Seat,
        counted: Option<Counted>,
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.seat.take(cx.waker());
        budget::refill();
        if !ENDING.get()
            && let Some(future) = this.future.as_mut().as_pin_mut()
        {
            clock::begin_turn();
            let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
            clock::end_turn();
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => {}
                Err(payload) => {
                    counters::up(|c| &c.panics);
                    drop_quietly(|| drop(payload));
                }
            }
        }
        drop_quietly(|| this.future.set(None));
        *this.counted = None;
        this.seat.leave();
        Poll::Ready(())
    }
}

/// Dropping what a task leaves runs its code too.
fn drop_quietly(drop: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(drop)).is_err() {
        counters::up(|c| &c.panics);
    }
}

/// A task's place among the live ones.
#[derive(Default)]
struct Seat(Option<usize>);

impl Seat {
    fn take(&mut self, waker: &Waker) {
        if self.0.is_none() {
            self.0 = Some(LIVE.with_borrow_mut(|live| live.insert(waker.clone())));
        }
    }

    fn leave(&mut self) {
        if let Some(key) = self.0.take() {
            // Dropped outside the borrow: the last waker of a task frees the task.
            let waker = LIVE.with_borrow_mut(|live| live.remove(key));
            drop(waker);
        }
    }
}
