//! Responses that are received for all who want them, on whichever core.
//!
//! The one that fetches is asked by the key's home to tell it of what comes once somebody else waits for it, and not before.
//! The home tells the cores whose clients wait, each once for all of them. What passes between cores are views of one memory:
//! nobody copies it, and who comes late has all from the start.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::Object;
use ringfence_http::Reason;
use ringfence_io::shelve;

use crate::cache::{Aside, Cache, Claim, Flight};
use crate::note::{Answer, Asker, End, FlightKey, Note, SharedKey};

/// A response that is received for all who want it. Dropped before its end, it is cut off for all of them.
pub(crate) struct Broadcast {
    cache: Rc<Cache>,
    key: SharedKey,
    claim: Option<Claim>,
    flight: Rc<Flight>,
}

impl Broadcast {
    /// Begins with the head, of a response whose body has so many bytes.
    pub(crate) fn begin(
        claim: Claim,
        key: SharedKey,
        head: Arc<Object>,
        length: usize,
        aside: Aside,
    ) -> Self {
        let cache = claim.cache().clone();
        let flight = Flight::new(claim.leader(), head, length, Bytes::new(), Some(aside));
        let mut flights = cache.flights.borrow_mut();
        flights.insert(flight.leader, flight.clone());
        drop(flights);
        if claim.is_followed() {
            cache.announce(claim.flight(), &flight);
        }
        Self {
            cache,
            key,
            claim: Some(claim),
            flight,
        }
    }

    /// What clients of this core read from.
    pub(crate) fn flight(&self) -> &Rc<Flight> {
        &self.flight
    }

    /// Gives what has come so far to all.
    pub(crate) fn advance(&self, so_far: Bytes) {
        self.cache.advance(&self.flight, so_far);
    }

    /// Stores the response, whose body is whole, and then gives the last of it to all.
    pub(crate) fn end(mut self, body: Bytes) {
        let object = Arc::new(self.flight.head.with_body(shelve(body.clone())));
        let claim = self.claim.take().expect("it ends once");
        let stored = claim.store(&self.key, &object);
        let stored = stored.map(|stored| (self.key.clone(), stored));
        self.cache.close(&self.flight, body, End::Whole(stored));
    }

    /// It was cut off: whoever has begun is cut off too, and those who wait go for themselves.
    pub(crate) fn cut(mut self, reason: Reason) {
        if let Some(claim) = self.claim.take() {
            claim.give_up();
        }
        self.cache.close_cut(&self.flight, reason);
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        if self.claim.take().is_some() {
            self.cache.close_cut(&self.flight, Reason::Internal);
        }
    }
}

impl Cache {
    /// Somebody waits for what a request of this core fetches: tells the home what of it is there, now or as soon as it is.
    pub(super) fn follow(&self, key: &FlightKey, leader: Asker) {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(waiting) = waiting.get_mut(&leader.ticket) {
            waiting.is_followed = true;
        }
        drop(waiting);
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            self.announce(key, &flight);
        }
    }

    /// Tells the key's home of a flight.
    fn announce(&self, key: &FlightKey, flight: &Rc<Flight>) {
        match self.home(key.home) {
            home if home == self.index => self.board(key, flight),
            home => self.feed(home, key, flight),
        }
    }

    /// Has another core told of a flight from now on.
    fn feed(&self, worker: usize, key: &FlightKey, flight: &Flight) {
        if flight.feed(worker) {
            let note = Note::Begun {
                flight: key.clone(),
                leader: flight.leader,
                head: flight.head.clone(),
                length: flight.length,
                so_far: flight.so_far(),
                from: self.index,
            };
            self.tell(worker, note);
        }
    }

    /// Takes note of a flight of another core.
    pub(super) fn hear_of(&self, key: &FlightKey, flight: Rc<Flight>, from: usize) {
        let mut flights = self.flights.borrow_mut();
        flights.insert(flight.leader, flight.clone());
        drop(flights);
        self.take_note(flight.leader, from);
        if self.home(key.home) == self.index {
            self.board(key, &flight);
        }
    }

    /// Lets all who wait join a flight, at home.
    fn board(&self, key: &FlightKey, flight: &Rc<Flight>) {
        let joining = self.desk.borrow_mut().begin(key, flight.leader);
        for asker in joining {
            self.join(key, flight, asker);
        }
    }

    /// Lets a request join a flight, at home.
    pub(super) fn join(&self, key: &FlightKey, flight: &Rc<Flight>, asker: Asker) {
        if asker.worker != self.index && asker.worker != flight.leader.worker {
            self.feed(asker.worker, key, flight);
        }
        self.answer(asker, key, Answer::Join(flight.leader));
    }

    fn advance(&self, flight: &Flight, so_far: Bytes) {
        flight.advance(so_far, |worker, so_far| {
            self.tell_more(worker, flight, so_far)
        });
    }

    /// More of a flight has come, from another core.
    pub(super) fn hear_more(&self, leader: Asker, so_far: Bytes, from: usize) {
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            self.advance(&flight, so_far);
            self.take_note(leader, from);
        }
    }

    fn take_note(&self, leader: Asker, from: usize) {
        let by = self.index;
        self.tell(from, Note::Took { leader, by });
    }

    /// Another core has taken note of what it was told.
    pub(super) fn go_on(&self, leader: Asker, worker: usize) {
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            flight.took(worker, |worker, so_far| {
                self.tell_more(worker, &flight, so_far)
            });
        }
    }

    fn tell_more(&self, worker: usize, flight: &Flight, so_far: Bytes) {
        let note = Note::More {
            leader: flight.leader,
            so_far,
            from: self.index,
        };
        self.tell(worker, note);
    }

    /// A flight of another core has ended.
    pub(super) fn hear_end(&self, leader: Asker, so_far: Bytes, end: End) {
        let flight = self.flights.borrow().get(&leader).cloned();
        let Some(flight) = flight else { return };
        // Before those who were given all of it can ask again. The home has it already.
        if let End::Whole(Some((key, object))) = &end
            && !self.is_home(key)
        {
            self.keep(key, object);
        }
        self.close(&flight, so_far, end);
    }

    fn close_cut(&self, flight: &Flight, reason: Reason) {
        self.close(flight, flight.so_far(), End::Cut(reason));
    }

    fn close(&self, flight: &Flight, so_far: Bytes, end: End) {
        self.flights.borrow_mut().remove(&flight.leader);
        let cut = match end {
            End::Cut(reason) => Some(reason),
            End::Whole(_) => None,
        };
        flight.end(so_far.clone(), cut, |worker| {
            let note = Note::Over {
                leader: flight.leader,
                so_far: so_far.clone(),
                end: end.clone(),
            };
            self.tell(worker, note);
        });
    }
}
