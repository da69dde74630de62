//! A request that asks a key's home, and waits for what it says.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::cache::Cache;
use crate::note::{Answer, Asker, FlightKey, Note, Outcome, SharedKey, Wish};

/// What a request that waits has been told.
#[derive(Default)]
pub(super) struct Waiting {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Cache {
    /// Asks the key's home.
    pub(crate) async fn ask(&self, key: &SharedKey, flight: &FlightKey, wish: Wish) -> Answer {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        self.waiting.borrow_mut().insert(ticket, Waiting::default());
        let _seat = Seat {
            cache: self,
            ticket,
            flight,
        };
        let asker = Asker {
            worker: self.index,
            ticket,
        };
        let note = Note::Ask {
            key: key.clone(),
            flight: flight.clone(),
            wish,
            asker,
        };
        self.tell(self.home(key.hash), note);
        poll_fn(|cx| {
            let mut waiting = self.waiting.borrow_mut();
            let seat = waiting.get_mut(&ticket).expect("seated until dropped");
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

    /// Hands an answer to whoever waits for it. Where nobody does any more, another one may go to the origin.
    pub(super) fn hand(&self, ticket: u64, flight: &FlightKey, answer: Answer) {
        let mut waiting = self.waiting.borrow_mut();
        let Some(seat) = waiting.get_mut(&ticket) else {
            drop(waiting);
            if matches!(answer, Answer::Lead) {
                self.end(flight, Outcome::Failed);
            }
            return;
        };
        seat.answer = Some(answer);
        let waker = seat.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A request that waits for an answer, for as long as this lives.
struct Seat<'a> {
    cache: &'a Cache,
    ticket: u64,
    flight: &'a FlightKey,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let left = self.cache.waiting.borrow_mut().remove(&self.ticket);
        if let Some(Answer::Lead) = left.and_then(|waiting| waiting.answer) {
            self.cache.end(self.flight, Outcome::Failed);
        }
    }
}
