//! Who fetches what, for the keys whose home is this core.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::note::{Asker, FlightKey, Way};

/// Keys of which is remembered that their responses are for one client each. With more, those that are over are forgotten,
/// and then all: they are found out anew.
const MOST_ALONE: usize = 16 << 10;

/// The fetches under way.
#[derive(Default)]
pub(crate) struct Desk {
    fetches: HashMap<Arc<[u8]>, Fetch>,
    /// Until when, in seconds since the start of the process, whoever asks goes alone, by the hash of what it asks for: that
    /// two have the same does no harm.
    alone: HashMap<u64, u64>,
}

/// One fetch.
struct Fetch {
    /// The one that fetches.
    leader: Asker,
    /// It knows that somebody waits.
    informed: bool,
    /// Its response is coming, and can be joined.
    begun: bool,
    waiting: VecDeque<Guest>,
}

/// One that waits.
struct Guest {
    asker: Asker,
    /// Only what is whole is of use to it.
    whole: bool,
}

/// What a request may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    Lead,
    Alone,
    Wait,
    /// What this one fetches is coming.
    Join(Asker),
}

impl Fetch {
    fn by(leader: Asker) -> Self {
        Self {
            leader,
            informed: false,
            begun: false,
            waiting: VecDeque::new(),
        }
    }

    /// Puts another in the place of the one that fetches; those who wait go on waiting.
    fn hand_over(&mut self, leader: Asker) {
        self.leader = leader;
        self.informed = false;
        self.begun = false;
    }

    fn is_by(&self, asker: Option<Asker>) -> bool {
        asker.is_none_or(|asker| asker == self.leader)
    }
}

impl Desk {
    /// What `asker` may do at `now`.
    pub(crate) fn ask(&mut self, flight: &FlightKey, asker: Asker, way: Way, now: u64) -> Turn {
        let turn = self.turn(flight, way, now);
        let fetch = self.fetches.get_mut(&flight.bytes);
        match (turn, fetch) {
            (Turn::Lead, Some(fetch)) => fetch.hand_over(asker),
            (Turn::Lead, None) => {
                self.fetches.insert(flight.bytes.clone(), Fetch::by(asker));
            }
            (Turn::Wait, Some(fetch)) => {
                let whole = way == Way::Whole;
                fetch.waiting.push_back(Guest { asker, whole });
            }
            (Turn::Wait, None) | (Turn::Alone | Turn::Join(_), _) => {}
        }
        turn
    }

    /// What whoever asks at `now` may do.
    pub(crate) fn turn(&self, flight: &FlightKey, way: Way, now: u64) -> Turn {
        let alone = self.alone.get(&flight.hash);
        if alone.is_some_and(|until| now < *until) {
            return Turn::Alone;
        }
        match self.fetches.get(&flight.bytes) {
            None => Turn::Lead,
            Some(fetch) if way == Way::Not(fetch.leader) => Turn::Lead,
            Some(fetch) if fetch.begun && way != Way::Whole => Turn::Join(fetch.leader),
            Some(_) => Turn::Wait,
        }
    }

    /// The one that fetches, where it does not know yet that somebody waits for what comes; from now on it does.
    pub(crate) fn uninformed(&mut self, flight: &FlightKey) -> Option<Asker> {
        let fetch = self.fetches.get_mut(&flight.bytes)?;
        let wanted = fetch.waiting.iter().any(|guest| !guest.whole);
        if !wanted || fetch.informed {
            return None;
        }
        fetch.informed = true;
        Some(fetch.leader)
    }

    /// The response that `leader` fetches is coming: gives those who join it. Those who come later may, too.
    pub(crate) fn begin(&mut self, flight: &FlightKey, leader: Asker) -> Vec<Asker> {
        let Some(fetch) = self.fetches.get_mut(&flight.bytes) else {
            return Vec::new();
        };
        if fetch.leader != leader {
            return Vec::new();
        }
        fetch.begun = true;
        let (waiting, joining): (VecDeque<_>, VecDeque<_>) =
            fetch.waiting.drain(..).partition(|guest| guest.whole);
        fetch.waiting = waiting;
        joining.iter().map(|guest| guest.asker).collect()
    }

    /// Ends a fetch, and gives those who waited for it. Nothing where it is another's by now; `None` ends anyone's.
    pub(crate) fn end(&mut self, flight: &FlightKey, by: Option<Asker>) -> Vec<Asker> {
        let fetch = self.fetches.get(&flight.bytes);
        if fetch.is_none_or(|fetch| !fetch.is_by(by)) {
            return Vec::new();
        }
        let fetch = self.fetches.remove(&flight.bytes);
        let waiting = fetch.into_iter().flat_map(|fetch| fetch.waiting);
        waiting.map(|guest| guest.asker).collect()
    }

    /// The one that fetches after another has failed.
    pub(crate) fn next(&mut self, flight: &FlightKey, by: Option<Asker>) -> Option<Asker> {
        let fetch = self.fetches.get_mut(&flight.bytes)?;
        if !fetch.is_by(by) {
            return None;
        }
        let next = fetch.waiting.pop_front().map(|guest| guest.asker);
        match next {
            Some(asker) => fetch.hand_over(asker),
            None => drop(self.fetches.remove(&flight.bytes)),
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

    fn ask(desk: &mut Desk, name: &str, ticket: u64, way: Way) -> Turn {
        desk.ask(&flight(name), asker(ticket), way, 0)
    }

    fn tickets(askers: Vec<Asker>) -> Vec<u64> {
        askers.iter().map(|asker| asker.ticket).collect()
    }

    #[test]
    fn one_leads_and_the_others_wait() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        assert_eq!(ask(&mut desk, "a", 1, Way::Streamed), Turn::Lead);
        assert_eq!(ask(&mut desk, "a", 2, Way::Streamed), Turn::Wait);
        assert_eq!(ask(&mut desk, "b", 3, Way::Streamed), Turn::Lead);
        assert_eq!(tickets(desk.end(&a, Some(asker(1)))), [2]);
        assert_eq!(ask(&mut desk, "a", 4, Way::Streamed), Turn::Lead);
    }

    #[test]
    fn after_a_failure_the_next_one_leads() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        for ticket in 1..=3 {
            ask(&mut desk, "a", ticket, Way::Streamed);
        }
        let next = |desk: &mut Desk, by| desk.next(&a, Some(asker(by)));
        assert_eq!(next(&mut desk, 1), Some(asker(2)));
        assert_eq!(ask(&mut desk, "a", 4, Way::Streamed), Turn::Wait);
        assert_eq!(next(&mut desk, 2), Some(asker(3)));
        assert_eq!(next(&mut desk, 3), Some(asker(4)));
        assert_eq!(next(&mut desk, 4), None);
        assert_eq!(ask(&mut desk, "a", 5, Way::Streamed), Turn::Lead);
    }

    #[test]
    fn the_one_that_fetches_is_told_once_that_somebody_waits_for_what_comes() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        ask(&mut desk, "a", 1, Way::Streamed);
        assert_eq!(desk.uninformed(&a), None);
        ask(&mut desk, "a", 2, Way::Whole);
        assert_eq!(desk.uninformed(&a), None);
        ask(&mut desk, "a", 3, Way::Streamed);
        assert_eq!(desk.uninformed(&a), Some(asker(1)));
        ask(&mut desk, "a", 4, Way::Streamed);
        assert_eq!(desk.uninformed(&a), None);
        // Another has to be told anew.
        assert_eq!(desk.next(&a, Some(asker(1))), Some(asker(2)));
        assert_eq!(desk.uninformed(&a), Some(asker(2)));
    }

    #[test]
    fn what_has_begun_is_joined_by_all_but_those_who_want_it_whole() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        ask(&mut desk, "a", 1, Way::Streamed);
        for (ticket, way) in [(2, Way::Streamed), (3, Way::Whole), (4, Way::Not(asker(9)))] {
            assert_eq!(ask(&mut desk, "a", ticket, way), Turn::Wait);
        }
        assert!(desk.begin(&a, asker(2)).is_empty(), "it is not theirs");
        assert_eq!(tickets(desk.begin(&a, asker(1))), [2, 4]);
        let joined = Turn::Join(asker(1));
        assert_eq!(ask(&mut desk, "a", 5, Way::Streamed), joined);
        assert_eq!(ask(&mut desk, "a", 6, Way::Whole), Turn::Wait);
        assert_eq!(tickets(desk.end(&a, Some(asker(1)))), [3, 6]);
        assert!(desk.begin(&a, asker(1)).is_empty(), "it is over");
    }

    #[test]
    fn what_began_too_early_gives_way_to_another() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        ask(&mut desk, "a", 1, Way::Streamed);
        ask(&mut desk, "a", 2, Way::Whole);
        desk.begin(&a, asker(1));
        assert_eq!(ask(&mut desk, "a", 3, Way::Not(asker(1))), Turn::Lead);
        // Who has learnt the same waits for that one, and what the first brings ends nothing any more.
        assert_eq!(ask(&mut desk, "a", 4, Way::Not(asker(1))), Turn::Wait);
        assert!(desk.end(&a, Some(asker(1))).is_empty());
        assert_eq!(desk.next(&a, Some(asker(1))), None);
        assert_eq!(tickets(desk.begin(&a, asker(3))), [4]);
        assert_eq!(tickets(desk.end(&a, Some(asker(3)))), [2]);
    }

    #[test]
    fn what_nobody_was_sent_for_ends_anyones_fetch() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        ask(&mut desk, "a", 1, Way::Streamed);
        ask(&mut desk, "a", 2, Way::Streamed);
        assert_eq!(tickets(desk.end(&a, None)), [2]);
        assert_eq!(ask(&mut desk, "a", 3, Way::Streamed), Turn::Lead);
    }

    #[test]
    fn what_is_for_one_client_is_fetched_by_each_for_a_while() {
        let (mut desk, a) = (Desk::default(), flight("a"));
        desk.remember_alone(&a, 10, 0);
        let ask = |desk: &mut Desk, now| desk.ask(&a, asker(1), Way::Streamed, now);
        assert_eq!(ask(&mut desk, 9), Turn::Alone);
        assert_eq!(ask(&mut desk, 10), Turn::Lead);
        desk.end(&a, None);
        desk.remember_alone(&a, 20, 10);
        desk.forget_alone(&a);
        assert_eq!(ask(&mut desk, 11), Turn::Lead);
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
