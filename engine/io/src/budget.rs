//! How much a task may do before others get their turn.
//!
//! Between two fast peers every receive and send succeeds at once, so such a task would never
//! wait and the reactor never run. Each poll of a task may complete a bounded amount of work;
//! then it waits for one turn of the reactor. It must not wake itself: timers and readiness are
//! seen only when the run queue drains.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::bell;

/// Units that one poll of a task may spend.
const ALLOWANCE: u32 = 64;

/// Bytes that cost one unit, besides the unit that every operation costs.
const UNIT_BYTES: usize = 16 << 10;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(ALLOWANCE) };
}

/// Starts a task's poll with a full allowance.
pub(crate) fn refill() {
    LEFT.set(ALLOWANCE);
}

/// Charges an operation that completed at once and moved `bytes`.
pub(crate) fn spend(bytes: usize) {
    let units = 1 + (bytes / UNIT_BYTES) as u32;
    LEFT.set(LEFT.get().saturating_sub(units));
}

/// Ready while allowance is left; otherwise the task is woken after a turn of the reactor.
pub(crate) fn poll_left(cx: &mut Context<'_>) -> Poll<()> {
    if LEFT.get() > 0 {
        return Poll::Ready(());
    }
    bell::await_turn(cx.waker());
    Poll::Pending
}

/// Waits for one turn of the reactor, so that the others on this core have theirs after work that no operation counts.
pub async fn next_turn() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        bell::await_turn(cx.waker());
        Poll::Pending
    })
    .await;
}

/// Waits until allowance is left.
pub(crate) async fn left() {
    poll_fn(poll_left).await;
}
