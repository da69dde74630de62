//! The leave to fetch for all who want the same.

use std::rc::Rc;
use std::sync::Arc;

use ringfence_cache::Object;

use crate::cache::Cache;
use crate::note::{FlightKey, Outcome, SharedKey};

/// For how long, in seconds, those who ask go alone after a response was for one client only.
const ALONE: u64 = 10;

/// Held by the one that fetches. Dropped, it lets the next one try.
pub(crate) struct Claim {
    cache: Rc<Cache>,
    flight: FlightKey,
    ended: bool,
}

impl Claim {
    pub(crate) fn new(cache: Rc<Cache>, flight: FlightKey) -> Self {
        Self {
            cache,
            flight,
            ended: false,
        }
    }

    /// Stores what was fetched, here and at its home, and gives it to those who wait. False where it was not taken.
    pub(crate) fn store(mut self, key: &SharedKey, object: &Arc<Object>) -> bool {
        let kept = self.cache.keep(key, object);
        if kept {
            self.end(Outcome::Stored(key.clone(), object.clone()));
        }
        kept
    }

    /// Tells those who wait, and those who will ask for a while, that each has to go for itself: what came is for one.
    pub(crate) fn release(mut self) {
        self.end(Outcome::Alone(ALONE));
    }

    /// Tells those who wait that each has to go for itself: one after another they would wait for the same failure.
    pub(crate) fn give_up(mut self) {
        self.end(Outcome::Alone(0));
    }

    fn end(&mut self, outcome: Outcome) {
        self.ended = true;
        self.cache.end(&self.flight, outcome);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::Failed);
        }
    }
}
