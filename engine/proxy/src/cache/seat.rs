//! A request's place with the cache of its core.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::cache::waiting::Waiting;
use crate::cache::{Cache, Flight};
use crate::note::{Answer, Asker, FlightKey, Outcome};

/// A request that waits for an answer, or fetches because of one, for as long as this lives.
pub(super) struct Seat {
    pub(super) cache: Rc<Cache>,
    pub(super) flight: FlightKey,
    ticket: u64,
}

impl Seat {
    pub(super) fn take(cache: Rc<Cache>, flight: FlightKey) -> Self {
        let ticket = cache.next_ticket.get();
        cache.next_ticket.set(ticket + 1);
        let mut waiting = cache.waiting.borrow_mut();
        waiting.insert(ticket, Waiting::default());
        drop(waiting);
        Self {
            cache,
            flight,
            ticket,
        }
    }

    pub(super) fn asker(&self) -> Asker {
        Asker {
            worker: self.cache.index,
            ticket: self.ticket,
        }
    }

    pub(super) fn is_followed(&self) -> bool {
        let waiting = self.cache.waiting.borrow();
        waiting[&self.ticket].is_followed
    }

    /// Has the home know what became of the fetch.
    pub(super) fn end(&self, outcome: Outcome) {
        self.cache.end(&self.flight, Some(self.asker()), outcome);
    }

    pub(super) async fn answered(&self) -> Answer {
        poll_fn(|cx| {
            let mut waiting = self.cache.waiting.borrow_mut();
            let seat = waiting.get_mut(&self.ticket).expect("seated until dropped");
            match seat.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    seat.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// What it may join, if that is still there.
    pub(super) fn take_flight(&self) -> Option<Rc<Flight>> {
        let mut waiting = self.cache.waiting.borrow_mut();
        waiting.get_mut(&self.ticket)?.flight.take()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let left = self.cache.waiting.borrow_mut().remove(&self.ticket);
        if let Some(Answer::Lead) = left.and_then(|waiting| waiting.answer) {
            self.end(Outcome::Failed);
        }
    }
}
