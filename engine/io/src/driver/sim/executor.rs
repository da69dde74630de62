//! The tasks of all simulated cores, and the queue of each of those that can go on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use slab::Slab;

/// No core has its turn.
const NONE: usize = usize::MAX;

thread_local! {
    static CORES: RefCell<Vec<Core>> = const { RefCell::new(Vec::new()) };
    /// The core that has its turn.
    static HERE: Cell<usize> = const { Cell::new(NONE) };
}

struct Core {
    tasks: Slab<Option<Task>>,
    queue: Arc<Queue>,
    ahead: bool,
}

/// A task between two polls.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Tasks that can go on. The lock is there for the type's sake: one thread runs all cores.
type Queue = Mutex<VecDeque<usize>>;

struct Alarm {
    key: usize,
    queue: Arc<Queue>,
    /// In the queue already, or over.
    rung: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            push(&self.queue, self.key);
        }
    }
}

fn push(queue: &Queue, key: usize) {
    queue
        .lock()
        .expect("nothing panics under it")
        .push_back(key);
}

/// A core without tasks; `ahead` says whether it receives ahead, and so is fair to its tasks.
pub(crate) fn begin(ahead: bool) -> usize {
    CORES.with_borrow_mut(|cores| {
        cores.push(Core {
            tasks: Slab::new(),
            queue: Arc::default(),
            ahead,
        });
        cores.len() - 1
    })
}

/// Does something in a core's turn.
pub(crate) fn on<T>(core: usize, work: impl FnOnce() -> T) -> T {
    struct Back(usize);
    impl Drop for Back {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _back = Back(HERE.replace(core));
    work()
}

/// Whether a simulated core has its turn on this thread.
pub(crate) fn is_running() -> bool {
    HERE.get() != NONE
}

/// Whether the core that has its turn receives ahead.
pub(crate) fn receives_ahead() -> bool {
    CORES.with_borrow(|cores| cores.get(HERE.get()).is_some_and(|core| core.ahead))
}

/// Runs a future beside the others on the core that has its turn. It must not panic.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    let here = HERE.get();
    CORES.with_borrow_mut(|cores| {
        let core = &mut cores[here];
        let entry = core.tasks.vacant_entry();
        let alarm = Arc::new(Alarm {
            key: entry.key(),
            queue: core.queue.clone(),
            rung: AtomicBool::new(true),
        });
        push(&core.queue, entry.key());
        entry.insert(Some(Task {
            future: Box::pin(future),
            waker: alarm.clone().into(),
            alarm,
        }));
    });
}

/// The cores on which something can go on.
pub(crate) fn ready(into: &mut Vec<usize>) {
    into.clear();
    CORES.with_borrow(|cores| {
        let busy = |core: &Core| {
            !core
                .queue
                .lock()
                .expect("nothing panics under it")
                .is_empty()
        };
        into.extend((0..cores.len()).filter(|at| busy(&cores[*at])));
    });
}

/// Polls one task of a core, the next one or with `choose` another, and gives its key.
pub(crate) fn run_one(core: usize, choose: impl FnOnce(usize) -> usize) -> Option<usize> {
    let taken = CORES.with_borrow_mut(|cores| {
        let core = &mut cores[core];
        let key = {
            let mut queue = core.queue.lock().expect("nothing panics under it");
            let at = choose(queue.len());
            queue.remove(at)?
        };
        Some((key, core.tasks.get_mut(key).and_then(Option::take)))
    });
    let (key, task) = taken?;
    if let Some(task) = task {
        poll(core, key, task);
    }
    Some(key)
}

/// Polls a task. It is out of the table meanwhile, so that it can spawn others.
fn poll(core: usize, key: usize, mut task: Task) {
    task.alarm.rung.store(false, Ordering::Relaxed);
    let polled = task
        .future
        .as_mut()
        .poll(&mut Context::from_waker(&task.waker));
    if polled.is_pending() {
        CORES.with_borrow_mut(|cores| cores[core].tasks[key] = Some(task));
    } else {
        // Never in the queue again; its key may be another's.
        task.alarm.rung.store(true, Ordering::Relaxed);
        CORES.with_borrow_mut(|cores| cores[core].tasks.remove(key));
    }
}

/// Drops all tasks of a core, in its turn.
pub(crate) fn end(core: usize) {
    loop {
        // Tasks may spawn and wake others while they are dropped.
        let tasks = CORES.with_borrow_mut(|cores| std::mem::take(&mut cores[core].tasks));
        if tasks.is_empty() {
            break;
        }
        drop(tasks);
    }
    CORES.with_borrow(|cores| {
        let queue = &cores[core].queue;
        queue.lock().expect("nothing panics under it").clear();
    });
}

/// Forgets all cores.
pub(crate) fn clear() {
    CORES.with_borrow_mut(Vec::clear);
}
