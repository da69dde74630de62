//! Who fetches what, for the keys whose home is this core.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::note::{Asker, FlightKey};

/// Keys of which is remembered that their responses are for one client each. With more, those that are over are forgotten,
/// and then all: they are found out anew.
const MOST_ALONE: usize = 16 << 10;

/// The fetches under way.
#[derive(Default)]
pub(crate) struct Desk {
    /// Those that wait for the one that fetches.
    flights: HashMap<Arc<[u8]>, VecDeque<Asker>>,
    /// Until when, in seconds since the start of the process, whoever asks goes alone, by the hash of what it asks for: that
    /// two have the same does no harm.
    alone: HashMap<u64, u64>,
}

/// What a request may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    Lead,
    Alone,
    Wait,
}

impl Desk {
    /// What `asker` may do at `now`.
    pub(crate) fn ask(&mut self, flight: &FlightKey, asker: Asker, now: u64) -> Turn {
        let turn = self.turn(flight, now);
        match turn {
            Turn::Alone => {}
            Turn::Wait => {
                let waiting = self.flights.get_mut(&flight.bytes);
                waiting.expect("under way").push_back(asker);
            }
            Turn::Lead => {
                self.flights.insert(flight.bytes.clone(), VecDeque::new());
            }
        }
        turn
    }

    /// What whoever asks at `now` may do.
    pub(crate) fn turn(&self, flight: &FlightKey, now: u64) -> Turn {
        let alone = self.alone.get(&flight.hash);
        if alone.is_some_and(|until| now < *until) {
            return Turn::Alone;
        }
        match self.flights.contains_key(&flight.bytes) {
            true => Turn::Wait,
            false => Turn::Lead,
        }
    }

    /// Ends a fetch, and gives those who waited for it.
    pub(crate) fn end(&mut self, flight: &FlightKey) -> VecDeque<Asker> {
        self.flights.remove(&flight.bytes).unwrap_or_default()
    }

    /// The one that fetches after another has failed.
    pub(crate) fn next(&mut self, flight: &FlightKey) -> Option<Asker> {
        let next = self.flights.get_mut(&flight.bytes)?.pop_front();
        if next.is_none() {
            self.flights.remove(&flight.bytes);
        }
        next
    }

    /// Has whoever asks go alone until then.
    pub(crate) fn remember_alone(&mut self, flight: &FlightKey, until: u64, now: u64) {
        if until <= now {
            return;
        }
        if self.alone.len() >= MOST_ALONE {
            self.alone.retain(|_, until| now < *until);
        }
        if self.alone.len() >= MOST_ALONE {
            self.alone.clear();
        }
        self.alone.insert(flight.hash, until);
    }

    /// Forgets that responses were for one client each: one was not.
    pub(crate) fn forget_alone(&mut self, flight: &FlightKey) {
        self.alone.remove(&flight.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(name: &str) -> FlightKey {
        FlightKey {
            home: 1,
            hash: name
                .bytes()
                .fold(0, |sum, byte| sum * 256 + u64::from(byte)),
            bytes: name.as_bytes().into(),
        }
    }

    fn asker(ticket: u64) -> Asker {
        Asker { worker: 0, ticket }
    }

    #[test]
    fn one_leads_and_the_others_wait() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        assert_eq!(desk.ask(&a, asker(1), 0), Turn::Lead);
        assert_eq!(desk.ask(&a, asker(2), 0), Turn::Wait);
        assert_eq!(desk.ask(&flight("b"), asker(3), 0), Turn::Lead);
        let waited: Vec<_> = desk.end(&a).iter().map(|asker| asker.ticket).collect();
        assert_eq!(waited, [2]);
        assert_eq!(desk.ask(&a, asker(4), 0), Turn::Lead);
    }

    #[test]
    fn after_a_failure_the_next_one_leads() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        for ticket in 1..=3 {
            desk.ask(&a, asker(ticket), 0);
        }
        assert_eq!(desk.next(&a).map(|asker| asker.ticket), Some(2));
        assert_eq!(desk.ask(&a, asker(4), 0), Turn::Wait);
        assert_eq!(desk.next(&a).map(|asker| asker.ticket), Some(3));
        assert_eq!(desk.next(&a).map(|asker| asker.ticket), Some(4));
        assert!(desk.next(&a).is_none());
        assert_eq!(desk.ask(&a, asker(5), 0), Turn::Lead);
    }

    #[test]
    fn what_is_for_one_client_is_fetched_by_each_for_a_while() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        desk.remember_alone(&a, 10, 0);
        assert_eq!(desk.ask(&a, asker(1), 9), Turn::Alone);
        assert_eq!(desk.ask(&a, asker(1), 10), Turn::Lead);
        desk.end(&a);
        desk.remember_alone(&a, 20, 10);
        desk.forget_alone(&a);
        assert_eq!(desk.ask(&a, asker(1), 11), Turn::Lead);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut desk = Desk::default();
        for name in 0..2 * MOST_ALONE {
            desk.remember_alone(&flight(&name.to_string()), 10, 0);
        }
        assert!(desk.alone.len() <= MOST_ALONE);
    }
}
