//! Waiting for a while, on the simulated clock.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::world::{self, Due, Event, nanos};
use crate::clock::now;

/// Waits for a while.
pub(crate) async fn sleep(duration: Duration) {
    Sleep {
        at: now().saturating_add(duration),
        due: None,
    }
    .await;
}

struct Sleep {
    at: Duration,
    due: Option<Due>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= self.at {
            return Poll::Ready(());
        }
        let (at, due) = (nanos(self.at), self.due);
        let event = Event::Wake(cx.waker().clone());
        let placed = world::with(|world| {
            let due = due.unwrap_or_else(|| world.place(at));
            world.set(due, event);
            due
        });
        match placed {
            Some(due) => {
                self.due = Some(due);
                Poll::Pending
            }
            // The world that would have woken us is gone.
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(due) = self.due {
            drop(world::with(|world| world.forget(due)));
        }
    }
}
