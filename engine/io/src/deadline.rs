//! Coarse deadlines: setting one writes a slot of the core's table, and one sweep every
//! [`SWEEP`] wakes what is overdue. There is no timer per wait on the request path.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::clock::now;
use crate::driver;
use crate::task::spawn_service;

/// Time between two sweeps, and so the most by which a deadline is noticed late on an idle core.
pub(crate) const SWEEP: Duration = Duration::from_millis(50);

/// Waits for `future` until the moment `at` ([`now`]'s time since process start), give or take
/// one sweep of the core (50 ms). A future that is ready is never cut off.
///
/// # Errors
/// [`Elapsed`] when the time came first; the future is then dropped.
pub async fn timeout_at<F: Future>(at: Duration, future: F) -> Result<F::Output, Elapsed> {
    let slot = Slot::default();
    slot.set(Some(at));
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if slot.is_overdue() {
            return Poll::Ready(Err(Elapsed));
        }
        slot.park(cx.waker());
        Poll::Pending
    })
    .await
}

/// The time for something had passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has passed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// One deadline that can be set, moved and cleared, also while a task waits; it takes a place in
/// the table when it is first used and leaves it when dropped.
#[derive(Default)]
pub(crate) struct Slot(Cell<Option<usize>>);

impl Slot {
    /// Sets, moves or clears the deadline. What was overdue no longer is.
    pub(crate) fn set(&self, at: Option<Duration>) {
        match (self.0.get(), at) {
            (Some(index), at) => TABLE.with_borrow_mut(|table| table.set(index, at)),
            (None, Some(at)) => {
                let index = self.begin();
                TABLE.with_borrow_mut(|table| table.set(index, Some(at)));
            }
            (None, None) => {}
        }
    }

    /// True when a sweep has found the deadline passed.
    pub(crate) fn is_overdue(&self) -> bool {
        self.0
            .get()
            .is_some_and(|index| TABLE.with_borrow(|table| table.entries[index].overdue))
    }

    /// Wakes the task when the deadline passes, also one that is set only later.
    pub(crate) fn park(&self, waker: &Waker) {
        let index = self.0.get().unwrap_or_else(|| self.begin());
        TABLE.with_borrow_mut(|table| match &mut table.entries[index].waker {
            Some(parked) if parked.will_wake(waker) => {}
            parked => *parked = Some(waker.clone()),
        });
    }

    /// Forgets the task that waited: its waker would keep its memory.
    pub(crate) fn unpark(&self) {
        if let Some(index) = self.0.get() {
            let waker = TABLE.with_borrow_mut(|table| table.entries[index].waker.take());
            drop(waker);
        }
    }

    /// Takes a place in the table and starts the sweep where none runs.
    fn begin(&self) -> usize {
        let (index, starts) = TABLE.with_borrow_mut(|table| {
            let index = table.allot();
            (index, !std::mem::replace(&mut table.sweeping, true))
        });
        self.0.set(Some(index));
        if starts {
            spawn_service(sweep(Sweeping));
        }
        index
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(index) = self.0.get() {
            let waker = TABLE.try_with(|table| table.borrow_mut().free(index));
            drop(waker);
        }
    }
}

thread_local! {
    static TABLE: RefCell<Table> = const { RefCell::new(Table::new()) };
}

/// Exchanges the table with that of another core, which takes its turn on this thread.
pub(crate) fn swap(table: &mut Table) {
    TABLE.with_borrow_mut(|own| std::mem::swap(own, table));
}

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The deadlines of one core.
pub(crate) struct Table {
    /// Nanoseconds since process start, apart from the entries so that a sweep reads little.
    at: Vec<u64>,
    entries: Vec<Entry>,
    free: Vec<usize>,
    /// No deadline is sooner than this.
    soonest: u64,
    sweeping: bool,
}

#[derive(Default)]
struct Entry {
    waker: Option<Waker>,
    overdue: bool,
}

impl Table {
    pub(crate) const fn new() -> Self {
        Self {
            at: Vec::new(),
            entries: Vec::new(),
            free: Vec::new(),
            soonest: NEVER,
            sweeping: false,
        }
    }

    fn allot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.at.push(NEVER);
            self.entries.push(Entry::default());
            self.at.len() - 1
        })
    }

    fn set(&mut self, index: usize, at: Option<Duration>) {
        let at = at.map_or(NEVER, |at| u64::try_from(at.as_nanos()).unwrap_or(NEVER));
        self.at[index] = at;
        self.soonest = self.soonest.min(at);
        self.entries[index].overdue = false;
    }

    /// Empties a place; the waker is for the caller to drop, outside the table.
    fn free(&mut self, index: usize) -> Option<Waker> {
        self.at[index] = NEVER;
        self.free.push(index);
        std::mem::take(&mut self.entries[index]).waker
    }

    fn in_use(&self) -> usize {
        self.at.len() - self.free.len()
    }

    /// Marks what is overdue and gives the tasks that wait for it.
    fn sweep(&mut self, now: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        if now < self.soonest {
            return woken;
        }
        self.soonest = NEVER;
        for (at, entry) in self.at.iter_mut().zip(&mut self.entries) {
            if *at <= now {
                *at = NEVER;
                entry.overdue = true;
                woken.extend(entry.waker.take());
            }
            self.soonest = self.soonest.min(*at);
        }
        woken
    }
}

/// Marks the table as unswept when the sweep ends for whatever reason.
struct Sweeping;

impl Drop for Sweeping {
    fn drop(&mut self) {
        let _ = TABLE.try_with(|table| table.borrow_mut().sweeping = false);
    }
}

/// Runs while the table is in use.
async fn sweep(_sweeping: Sweeping) {
    while TABLE.with_borrow(Table::in_use) > 0 {
        driver::sleep(SWEEP).await;
        let now = now().as_nanos() as u64;
        let overdue = TABLE.with_borrow_mut(|table| table.sweep(now));
        for waker in overdue {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    fn nanos(seconds: u64) -> u64 {
        seconds * 1_000_000_000
    }

    #[test]
    fn a_sweep_marks_what_is_overdue_and_only_that() {
        let mut table = Table::new();
        let (soon, late, never) = (table.allot(), table.allot(), table.allot());
        table.set(soon, at(1));
        table.set(late, at(3));
        table.sweep(nanos(2));
        let marks: Vec<_> = [soon, late, never]
            .map(|index| table.entries[index].overdue)
            .into();
        assert_eq!(marks, [true, false, false]);
        assert_eq!(table.soonest, nanos(3));
    }

    #[test]
    fn a_deadline_that_is_moved_in_time_is_kept() {
        let mut table = Table::new();
        let index = table.allot();
        table.set(index, at(1));
        table.set(index, at(5));
        table.sweep(nanos(2));
        assert!(!table.entries[index].overdue);
        table.sweep(nanos(5));
        assert!(table.entries[index].overdue);
        table.set(index, None);
        assert!(!table.entries[index].overdue);
    }

    #[test]
    fn a_place_given_back_is_used_again_clean() {
        let mut table = Table::new();
        let index = table.allot();
        table.set(index, at(1));
        table.sweep(nanos(1));
        table.free(index);
        assert_eq!((table.in_use(), table.allot()), (0, index));
        assert!(!table.entries[index].overdue);
    }
}
