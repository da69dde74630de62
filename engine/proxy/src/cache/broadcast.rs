//! Responses that are received for all who want them, on whichever core.
//!
//! The one that fetches is asked by the key's home to tell it of what comes once somebody else waits for it, and not before.
//! The home tells the cores whose clients wait, each once for all of them. What passes between cores are views of what one of
//! them fills: nobody copies it, and who comes late has all from the start.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::Object;
use ringfence_http::Reason;
use ringfence_io::{now, shelve};

use crate::cache::filling::Filling;
use crate::cache::flight::Report;
use crate::cache::{Aside, Cache, Claim, Flight};
use crate::note::{Answer, Asker, End, FlightKey, News, Note, SharedKey};
use crate::stretch::Stretch;

/// Bytes by which the slowest reader may be behind what has come of a body that is only passed on.
const WINDOW: usize = 1 << 20;

/// A response that is received for all who want it. Dropped before its end, it is cut off for all of them.
pub(crate) struct Broadcast {
    cache: Rc<Cache>,
    key: SharedKey,
    /// Given up once it has outgrown what may be stored.
    claim: Option<Claim>,
    filling: Filling,
    flight: Rc<Flight>,
}

impl Broadcast {
    /// Begins with the head, of a response whose body has so many bytes if that was announced, for which `aside` is set aside.
    pub(crate) fn begin(
        claim: Claim,
        key: SharedKey,
        head: Arc<Object>,
        (announced, aside): (Option<usize>, Aside),
        filling: Filling,
    ) -> Self {
        let cache = claim.cache().clone();
        let flight = Flight::new(claim.leader(), head, announced, Stretch::default(), None);
        flight.set_aside(announced.unwrap_or(0), aside);
        Self {
            cache,
            key,
            claim: Some(claim),
            filling,
            flight,
        }
    }

    /// Lets others know of it, now and later.
    pub(crate) fn announce(&self) {
        let Some(claim) = &self.claim else { return };
        let mut flights = self.cache.flights.borrow_mut();
        flights.insert(self.flight.leader, self.flight.clone());
        drop(flights);
        if claim.is_followed() {
            self.cache.announce(claim.flight(), &self.flight);
        }
    }

    /// What clients of this core read from.
    pub(crate) fn flight(&self) -> &Rc<Flight> {
        &self.flight
    }

    /// Takes more of the body; `last` where nothing comes behind it. Nobody is told of it yet. Says why it is not stored with
    /// that, where it would have been without.
    pub(crate) fn add(&mut self, data: &[u8], last: bool) -> Option<&'static str> {
        let mut unfit = None;
        if self.claim.is_some() {
            unfit = self.filling.make_room(data.len(), last).err();
        }
        if unfit.is_some() {
            self.outgrow();
        }
        if self.claim.is_none() {
            self.filling.make_way(data.len());
        }
        self.filling.add(data, &self.flight);
        unfit
    }

    /// Gives what has come so far to all.
    pub(crate) fn advance(&self) {
        self.cache.advance(&self.flight);
    }

    /// Those who wait and those who come later go for themselves, as for what is known from its start to be too much.
    fn outgrow(&mut self) {
        if let Some(claim) = self.claim.take() {
            claim.release();
        }
        self.flight.outgrow();
    }

    /// Waits for its readers where it is only passed on. False where nobody is left.
    pub(crate) async fn wait_for_readers(&self) -> bool {
        self.flight.caught_up(self.behind()).await
    }

    /// Cuts those off that hold all others up.
    pub(crate) fn hasten(&self) {
        let until = self.flight.came().saturating_sub(self.behind());
        self.cache.hasten(&self.flight, until, false);
    }

    /// Bytes by which its readers may be behind.
    fn behind(&self) -> usize {
        if self.filling.is_short() { 0 } else { WINDOW }
    }

    /// All of its body, as it is to be stored; nothing where it is not.
    pub(crate) async fn whole(&self) -> Option<Bytes> {
        match self.claim {
            Some(_) => Some(self.filling.whole(&self.flight).await),
            None => None,
        }
    }

    /// Stores the response, where there is something to be stored, and then gives the last of it to all.
    pub(crate) fn end(mut self, whole: Option<Bytes>) {
        let stored = whole.zip(self.claim.take()).and_then(|(body, claim)| {
            let object = Arc::new(self.flight.head.with_body(shelve(body)));
            let stored = claim.store(&self.key, &object)?;
            Some((self.key.clone(), stored))
        });
        self.cache.close(&self.flight, End::Whole(stored));
    }

    /// It was cut off: whoever has begun is cut off too, and those who wait go for themselves.
    pub(crate) fn cut(mut self, reason: Reason) {
        if let Some(claim) = self.claim.take() {
            claim.give_up();
        }
        self.cache.close(&self.flight, End::Cut(reason));
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        if !self.flight.has_ended() {
            self.cache.close(&self.flight, End::Cut(Reason::Internal));
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
        // Who waits is told otherwise where it has outgrown what may be stored.
        if let Some(flight) = flight.filter(|flight| flight.can_be_joined()) {
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
                announced: flight.announced,
                so_far: flight.so_far(),
                from: self.index,
            };
            self.tell(worker, note);
        }
    }

    /// Takes note of a flight of another core, `from` which more of it comes.
    pub(super) fn hear_of(
        &self,
        key: &FlightKey,
        leader: Asker,
        head: Arc<Object>,
        (announced, so_far): (Option<usize>, Stretch),
        from: usize,
    ) {
        let report = self.report(leader, from);
        let flight = Flight::new(leader, head, announced, so_far, Some(report));
        let mut flights = self.flights.borrow_mut();
        flights.insert(leader, flight.clone());
        drop(flights);
        self.take_note(leader, from);
        if self.home(key.home) == self.index {
            self.board(key, &flight);
        }
    }

    /// What tells `from` how far all here have read, and forgets the flight once nobody reads it.
    fn report(&self, leader: Asker, from: usize) -> Report {
        let own = self.own.clone();
        Box::new(move |until| {
            let Some(cache) = own.upgrade() else { return };
            if until.is_none() {
                cache.flights.borrow_mut().remove(&leader);
            }
            let by = cache.index;
            cache.tell(from, Note::Read { leader, by, until });
        })
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

    fn advance(&self, flight: &Flight) {
        flight.advance(|worker, news| self.tell_more(worker, flight, news));
    }

    /// More of a flight has come, from another core.
    pub(super) fn hear_more(&self, leader: Asker, news: News, from: usize) {
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            flight.learn(news);
            self.advance(&flight);
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
            flight.took(worker, |worker, news| self.tell_more(worker, &flight, news));
        }
    }

    fn tell_more(&self, worker: usize, flight: &Flight, news: News) {
        let note = Note::More {
            leader: flight.leader,
            news,
            from: self.index,
        };
        self.tell(worker, note);
    }

    /// All readers of another core have come so far.
    pub(super) fn hear_read(&self, leader: Asker, worker: usize, until: Option<usize>) {
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            flight.was_read(worker, until);
        }
    }

    /// Another core has readers that wait for some of this one, or may have.
    pub(super) fn hear_haste(&self, leader: Asker, until: usize, others: bool) {
        let flight = self.flights.borrow().get(&leader).cloned();
        if let Some(flight) = flight {
            self.hasten(&flight, until, others);
        }
    }

    fn hasten(&self, flight: &Flight, until: usize, others: bool) {
        let leader = flight.leader;
        flight.hasten(until, others, now(), |worker, others| {
            let note = Note::Hasten {
                leader,
                until,
                others,
            };
            self.tell(worker, note);
        });
    }

    /// A flight of another core has ended.
    pub(super) fn hear_end(&self, leader: Asker, so_far: Stretch, end: End) {
        let flight = self.flights.borrow().get(&leader).cloned();
        let Some(flight) = flight else { return };
        // Before those who were given all of it can ask again. The home has it already.
        if let End::Whole(Some((key, object))) = &end
            && !self.is_home(key)
        {
            self.keep(key, object);
        }
        flight.learn(News {
            so_far,
            outgrown: false,
        });
        self.close(&flight, end);
    }

    fn close(&self, flight: &Flight, end: End) {
        self.flights.borrow_mut().remove(&flight.leader);
        let how = match end {
            End::Cut(reason) => Err(reason),
            End::Whole(_) => Ok(()),
        };
        flight.end(how, |worker, so_far| {
            let note = Note::Over {
                leader: flight.leader,
                so_far,
                end: end.clone(),
            };
            self.tell(worker, note);
        });
    }
}
