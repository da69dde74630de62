//! Waiting for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core;
use super::timers::Due;
use crate::clock::now;

/// Waits for a while, on a core of this driver.
pub(crate) async fn sleep(duration: Duration) {
    Sleep {
        run: core::running(),
        at: now().saturating_add(duration),
        due: None,
    }
    .await;
}

struct Sleep {
    run: u64,
    at: Duration,
    due: Option<Due>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= self.at {
            return Poll::Ready(());
        }
        let (at, due) = (self.at, self.due);
        let waker = cx.waker().clone();
        let parked = core::with(self.run, |core| {
            let due = due.unwrap_or_else(|| core.timers.begin(at));
            (due, core.timers.park(due, waker))
        });
        match parked {
            Some((due, _replaced)) => {
                self.due = Some(due);
                Poll::Pending
            }
            // The core that would have woken us is gone.
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(due) = self.due {
            let waker = core::with(self.run, |core| core.timers.end(due));
            drop(waker);
        }
    }
}
