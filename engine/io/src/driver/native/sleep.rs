//! Waiting for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core;
use super::timers::TimerId;
use crate::clock::now;

/// Waits for a while, on a core of this driver.
pub(crate) async fn sleep(duration: Duration) {
    Sleep {
        run: core::running(),
        at: now().saturating_add(duration),
        timer: None,
    }
    .await;
}

struct Sleep {
    run: u64,
    at: Duration,
    timer: Option<TimerId>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= self.at {
            return Poll::Ready(());
        }
        let (at, timer) = (self.at, self.timer);
        let waker = cx.waker().clone();
        let parked = core::with(self.run, |core| {
            let timer = timer.unwrap_or_else(|| core.timers.begin(at));
            (timer, core.timers.park(timer, waker))
        });
        match parked {
            Some((timer, _replaced)) => {
                self.timer = Some(timer);
                Poll::Pending
            }
            // The core that would have woken us is gone.
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            let waker = core::with(self.run, |core| core.timers.end(timer));
            drop(waker);
        }
    }
}
