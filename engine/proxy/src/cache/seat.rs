//! A request that asks a key's home, and waits for what it says.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use ringfence_cache::Object;

use crate::cache::{Cache, Claim, Flight};
use crate::note::{Answer, Asker, FlightKey, Note, Outcome, SharedKey, Way, Wish};

/// What a home has said to a request.
pub(crate) enum Reply {
    /// These are stored, the newest last.
    Have(Vec<Arc<Object>>),
    /// It goes to the origin, and others wait for what it brings.
    Lead(Claim),
    /// It goes to the origin, and nobody waits.
    Alone,
    /// What it wants is coming; nothing where that is over again.
    Join(Option<Rc<Flight>>),
}

/// What a request that waits has been told.
#[derive(Default)]
pub(super) struct Waiting {
    answer: Option<Answer>,
    /// What it may join.
    flight: Option<Rc<Flight>>,
    /// Others wait for what it fetches.
    pub(super) is_followed: bool,
    waker: Option<Waker>,
}

impl Cache {
    /// Asks the key's home.
    pub(crate) async fn ask(
        self: &Rc<Self>,
        key: &SharedKey,
        flight: FlightKey,
        wish: Wish,
        way: Way,
    ) -> Reply {
        let seat = Seat::take(self.clone(), flight);
        let note = Note::Ask {
            key: key.clone(),
            flight: seat.flight.clone(),
            wish,
            way,
            asker: seat.asker(),
        };
        self.tell(self.home(key.hash), note);
        match seat.answered().await {
            Answer::Have(objects) => Reply::Have(objects),
            Answer::Lead => Reply::Lead(Claim::new(seat)),
            Answer::Alone => Reply::Alone,
            Answer::Join(_) => Reply::Join(seat.take_flight()),
        }
    }

    /// Hands an answer to whoever waits for it. Where nobody does any more, another one may go to the origin.
    pub(super) fn hand(&self, ticket: u64, flight: &FlightKey, answer: Answer) {
        let mut waiting = self.waiting.borrow_mut();
        let Some(seat) = waiting.get_mut(&ticket) else {
            drop(waiting);
            if matches!(answer, Answer::Lead) {
                let worker = self.index;
                self.end(flight, Some(Asker { worker, ticket }), Outcome::Failed);
            }
            return;
        };
        if let Answer::Join(leader) = &answer {
            seat.flight = self.flights.borrow().get(leader).cloned();
        }
        seat.answer = Some(answer);
        let waker = seat.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A request that waits for an answer, or fetches because of one, for as long as this lives.
pub(super) struct Seat {
    pub(super) cache: Rc<Cache>,
    pub(super) flight: FlightKey,
    ticket: u64,
}

impl Seat {
    fn take(cache: Rc<Cache>, flight: FlightKey) -> Self {
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

    async fn answered(&self) -> Answer {
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

    fn take_flight(&self) -> Option<Rc<Flight>> {
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
