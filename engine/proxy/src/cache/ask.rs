//! Asking a key's home, and what it says.

use std::rc::Rc;
use std::sync::Arc;

use ringfence_cache::Object;

use crate::cache::seat::Seat;
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
