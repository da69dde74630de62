//! What a core tells those that ask it for keys whose home it is.

use std::sync::Arc;

use ringfence_cache::{Key, Object, RequestControl, Verdict};
use ringfence_io::now;

use crate::cache::Cache;
use crate::cache::desk::Turn;
use crate::note::{Answer, Asker, FlightKey, Note, Outcome, SharedKey, Wish};

impl Cache {
    /// Tells a request whether it may go to the origin.
    pub(super) fn advise(&self, key: &SharedKey, flight: &FlightKey, wish: Wish, asker: Asker) {
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
        let turn = self.desk.borrow_mut().ask(flight, asker, now().as_secs());
        match turn {
            Turn::Lead => self.answer(asker, flight, Answer::Lead),
            Turn::Alone => self.answer(asker, flight, Answer::Alone),
            Turn::Wait => {}
        }
    }

    fn stored(&self, key: Key<'_>) -> Vec<Arc<Object>> {
        let store = self.store.borrow();
        let live = store.variants(key).filter(|found| !found.softly_purged);
        live.map(|found| found.value.clone()).collect()
    }

    fn answer(&self, asker: Asker, flight: &FlightKey, answer: Answer) {
        let note = Note::Answer {
            ticket: asker.ticket,
            flight: flight.clone(),
            answer,
        };
        self.tell(asker.worker, note);
    }

    /// Ends a fetch, at home.
    pub(super) fn land(&self, flight: &FlightKey, outcome: Outcome) {
        match outcome {
            Outcome::Stored(key, object) => {
                self.desk.borrow_mut().forget_alone(flight);
                let had = self.store.borrow().variants(key.key()).next().is_some();
                self.keep(&key, &object);
                if had {
                    self.spread(&key, &object);
                }
                // What has to be validated for each request is of no use to those who wait.
                let plain = RequestControl::default();
                let lasts = object.judge(&plain, now().as_secs()) == Verdict::Fresh;
                let waiting = self.desk.borrow_mut().end(flight);
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
                let waiting = desk.end(flight);
                drop(desk);
                for asker in waiting {
                    self.answer(asker, flight, Answer::Alone);
                }
            }
            Outcome::Failed => {
                let next = self.desk.borrow_mut().next(flight);
                if let Some(asker) = next {
                    self.answer(asker, flight, Answer::Lead);
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
