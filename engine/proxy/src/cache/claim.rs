//! The leave to fetch for all who want the same.

use std::rc::Rc;
use std::sync::Arc;

use ringfence_cache::Object;

use crate::cache::Cache;
use crate::cache::seat::Seat;
use crate::note::{Asker, FlightKey, Outcome, SharedKey};

/// For how long, in seconds, those who ask go alone after a response was for one client only.
const ALONE: u64 = 10;

/// Held by the one that fetches. Dropped, it lets the next one try.
pub(crate) struct Claim {
    seat: Seat,
    ended: bool,
}

impl Claim {
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat, ended: false }
    }

    pub(super) fn cache(&self) -> &Rc<Cache> {
        &self.seat.cache
    }

    /// Which fetch it is the leave for.
    pub(super) fn flight(&self) -> &FlightKey {
        &self.seat.flight
    }

    /// The request that was given it.
    pub(super) fn leader(&self) -> Asker {
        self.seat.asker()
    }

    /// Whether somebody waits for what is fetched.
    pub(super) fn is_followed(&self) -> bool {
        self.seat.is_followed()
    }

    /// Stores what was fetched, here and at its home, and gives it to those who wait, or what is newer and stored already: that
    /// is returned, and nothing where it was not taken.
    pub(crate) fn store(mut self, key: &SharedKey, object: &Arc<Object>) -> Option<Arc<Object>> {
        let kept = self.seat.cache.keep(key, object)?;
        self.end(Outcome::Stored(key.clone(), kept.clone()));
        Some(kept)
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
        self.seat.end(outcome);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::Failed);
        }
    }
}
