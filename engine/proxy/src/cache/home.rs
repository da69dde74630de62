//! What a core tells those that ask it for keys whose home it is.

use std::sync::Arc;

use ringfence_cache::{Key, Object, RequestControl, Verdict};
use ringfence_io::now;

use crate::cache::Cache;
use crate::cache::desk::Turn;
use crate::note::{Answer, Asker, FlightKey, Note, Outcome, SharedKey, Way, Wish};

impl Cache {
    /// Tells a request whether it may go to the origin.
    pub(super) fn advise(
        &self,
        key: &SharedKey,
        flight: &FlightKey,
        (wish, way): (Wish, Way),
        asker: Asker,
    ) {
        if wish != Wish::Fetched && asker.worker != self.index {
            let mut have = self.stored(key.key());
            if !have.is_empty() {
                have.reverse();
                return self.answer(asker, flight, Answer::Have(have));
            }
        }
        if wish == Wish::Stored {
            return self.answer(asker, flight, Answer::Alone);
        }
        let now = now().as_secs();
        let turn = self.desk.borrow_mut().ask(flight, asker, way, now);
        match turn {
            Turn::Lead => self.answer(asker, flight, Answer::Lead),
            Turn::Alone => self.answer(asker, flight, Answer::Alone),
            Turn::Join(leader) => {
                let joined = self.flights.borrow().get(&leader).cloned();
                match joined {
                    Some(joined) => self.join(flight, &joined, asker),
                    None => self.answer(asker, flight, Answer::Alone),
                }
            }
            Turn::Wait => {}
        }
        self.urge(flight);
    }

    /// Has the one that fetches tell of it, if somebody waits and it does not know of that.
    fn urge(&self, flight: &FlightKey) {
        let leader = self.desk.borrow_mut().uninformed(flight);
        if let Some(leader) = leader {
            let flight = flight.clone();
            self.tell(leader.worker, Note::Followed { flight, leader });
        }
    }

    fn stored(&self, key: Key<'_>) -> Vec<Arc<Object>> {
        let store = self.store.borrow();
        let live = store.variants(key).filter(|found| !found.softly_purged);
        live.map(|found| found.value.clone()).collect()
    }

    pub(super) fn answer(&self, asker: Asker, flight: &FlightKey, answer: Answer) {
        let note = Note::Answer {
            ticket: asker.ticket,
            flight: flight.clone(),
            answer,
        };
        self.tell(asker.worker, note);
    }

    /// Ends a fetch, at home.
    pub(super) fn land(&self, flight: &FlightKey, by: Option<Asker>, outcome: Outcome) {
        match outcome {
            Outcome::Stored(key, object) => {
                self.desk.borrow_mut().forget_alone(flight);
                let had = self.store.borrow().variants(key.key()).next().is_some();
                let object = self.keep(&key, &object).unwrap_or(object);
                if had {
                    self.spread(&key, &object);
                }
                // What has to be validated for each request is of no use to those who wait.
                let plain = RequestControl::default();
                let lasts = object.judge(&plain, now().as_secs()) == Verdict::Fresh;
                let waiting = self.desk.borrow_mut().end(flight, by);
                for asker in waiting {
                    let answer = match lasts {
                        true => Answer::Have(vec![object.clone()]),
                        false => Answer::Alone,
                    };
                    self.answer(asker, flight, answer);
                }
            }
            Outcome::Alone(seconds) => {
                let now = now().as_secs();
                let mut desk = self.desk.borrow_mut();
                desk.remember_alone(flight, now + seconds, now);
                let waiting = desk.end(flight, by);
                drop(desk);
                for asker in waiting {
                    self.answer(asker, flight, Answer::Alone);
                }
            }
            Outcome::Failed => {
                let next = self.desk.borrow_mut().next(flight, by);
                if let Some(asker) = next {
                    self.answer(asker, flight, Answer::Lead);
                    self.urge(flight);
                }
            }
        }
    }

    fn spread(&self, key: &SharedKey, object: &Arc<Object>) {
        for worker in (0..self.house.posts.len()).filter(|worker| *worker != self.index) {
            let (key, object) = (key.clone(), object.clone());
            self.tell(worker, Note::Replace { key, object });
        }
    }
}
