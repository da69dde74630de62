//! Tasks of one core, and the queue of those that can go on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use super::home::Home;

/// Tasks that run in one round before the driver gets its turn.
const TASKS_AT_ONCE: usize = 64;

/// The key of the core's first future, which is no task.
const FIRST: usize = usize::MAX;

thread_local! {
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    static QUEUE: RefCell<VecDeque<usize>> = const { RefCell::new(VecDeque::new()) };
    /// The core of this thread, and where it is, which is quicker to compare.
    static HOME: RefCell<Option<Arc<Home>>> = const { RefCell::new(None) };
    static HERE: Cell<*const Home> = const { Cell::new(ptr::null()) };
}

/// A task between two polls.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// What wakes one task, from any thread.
struct Alarm {
    key: usize,
    home: Arc<Home>,
    /// In the queue already, or over.
    rung: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        if HERE.get() == Arc::as_ptr(&self.home) {
            // Where this thread's queue is gone, so are its tasks.
            let _ = QUEUE.try_with(|queue| queue.borrow_mut().push_back(self.key));
        } else {
            self.home.call(self.key);
        }
    }
}

/// The executor of this thread; ends with everything that it runs when dropped.
pub(super) struct Executor {
    home: Arc<Home>,
    first: Arc<Alarm>,
    waker: Waker,
}

impl Executor {
    /// Makes this thread run tasks.
    pub(super) fn begin(home: Arc<Home>) -> Self {
        HERE.set(Arc::as_ptr(&home));
        HOME.set(Some(home.clone()));
        let first = Arc::new(Alarm {
            key: FIRST,
            home: home.clone(),
            rung: AtomicBool::new(true),
        });
        QUEUE.with_borrow_mut(|queue| queue.push_back(FIRST));
        Self {
            home,
            waker: first.clone().into(),
            first,
        }
    }

    /// Runs what is in the queue now, up to a bound; gives the first future's output when it ends.
    pub(super) fn round<F: Future>(&self, mut first: Pin<&mut F>) -> Poll<F::Output> {
        self.take_calls();
        let many = QUEUE.with_borrow(VecDeque::len).min(TASKS_AT_ONCE);
        for _ in 0..many {
            match QUEUE.with_borrow_mut(VecDeque::pop_front) {
                None => break,
                Some(FIRST) => {
                    self.first.rung.store(false, Ordering::Release);
                    let polled = first.as_mut().poll(&mut Context::from_waker(&self.waker));
                    if polled.is_ready() {
                        return polled;
                    }
                }
                Some(key) => run(key),
            }
        }
        Poll::Pending
    }

    /// Whether nothing can go on. A call that came between the last round's look at them and its
    /// hearing of earlier ones has told nobody else.
    pub(super) fn is_idle(&self) -> bool {
        QUEUE.with_borrow(VecDeque::is_empty) && !self.home.has_calls()
    }

    fn take_calls(&self) {
        while let Some(key) = self.home.next_call() {
            QUEUE.with_borrow_mut(|queue| queue.push_back(key));
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Tasks may spawn and wake others while they are dropped.
        loop {
            let tasks = TASKS.with_borrow_mut(std::mem::take);
            if tasks.is_empty() {
                break;
            }
            drop(tasks);
        }
        QUEUE.with_borrow_mut(VecDeque::clear);
        HERE.set(ptr::null());
        HOME.set(None);
    }
}

/// Runs a future beside the others on this thread. It must not panic.
///
/// # Panics
/// On a thread that runs no core of this driver.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    let home = HOME.with_borrow(Clone::clone);
    let home = home.expect("tasks are spawned on a core");
    let key = TASKS.with_borrow_mut(|tasks| tasks.insert(None));
    let alarm = Arc::new(Alarm {
        key,
        home,
        rung: AtomicBool::new(true),
    });
    let task = Task {
        future: Box::pin(future),
        waker: alarm.clone().into(),
        alarm,
    };
    TASKS.with_borrow_mut(|tasks| tasks[key] = Some(task));
    QUEUE.with_borrow_mut(|queue| queue.push_back(key));
}

/// Polls a task once. It is out of the table meanwhile, so that it can spawn others.
fn run(key: usize) {
    let task = TASKS.with_borrow_mut(|tasks| tasks.get_mut(key).and_then(Option::take));
    let Some(mut task) = task else { return };
    task.alarm.rung.store(false, Ordering::Release);
    let polled = task
        .future
        .as_mut()
        .poll(&mut Context::from_waker(&task.waker));
    if polled.is_pending() {
        TASKS.with_borrow_mut(|tasks| tasks[key] = Some(task));
    } else {
        // Never in the queue again; its key may be another's.
        task.alarm.rung.store(true, Ordering::Release);
        TASKS.with_borrow_mut(|tasks| tasks.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;

    use super::*;

    #[test]
    fn a_call_that_is_swallowed_with_an_earlier_one_is_not_slept_through() {
        const NOBODY: usize = 7;
        let home = Arc::new(Home::new().unwrap());
        let executor = Executor::begin(home.clone());
        let mut first = pin!(pending::<()>());
        home.call(NOBODY);
        assert!(executor.round(first.as_mut()).is_pending());
        assert!(executor.is_idle());
        // The core was told of the first and has not heard it yet, so it is not told again.
        home.call(NOBODY);
        home.heard();
        assert!(!executor.is_idle());
    }
}
