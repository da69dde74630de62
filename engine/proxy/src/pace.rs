//! How slowly a client may send.

use std::time::Duration;

use ringfence_config::Limits;
use ringfence_http::Reason;

/// The slowest mean rate at which a client may send a message: a defence against slow-loris
/// clients, whose every byte comes just before a time-out.
#[derive(Clone, Copy)]
pub(crate) struct MinRate {
    /// Bytes a second; 0 asks for none.
    bytes: u64,
    /// Time from the first byte before the rate counts.
    grace: Duration,
}

impl MinRate {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            bytes: limits.min_receive_rate,
            grace: limits.rate_grace,
        }
    }

    /// The sooner of `at` and the time by which the message falls behind its rate.
    pub(crate) fn sooner(
        &self,
        at: (Duration, Reason),
        began: Duration,
        received: u64,
    ) -> (Duration, Reason) {
        if self.bytes == 0 {
            return at;
        }
        let earned = Duration::from_millis(received.saturating_mul(1000) / self.bytes);
        let behind = began + self.grace + earned;
        if behind < at.0 {
            (behind, Reason::SlowClient)
        } else {
            at
        }
    }
}

/// How fast and how long a client must send a body.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Longest wait between two pieces.
    pub(crate) between: Duration,
    pub(crate) rate: MinRate,
    /// End of the whole exchange.
    pub(crate) expires: Option<Duration>,
}

impl Pace {
    /// The time by which the next piece of a body must have come, and what is wrong when it has not.
    pub(crate) fn next_by(
        &self,
        began: Duration,
        now: Duration,
        received: u64,
    ) -> (Duration, Reason) {
        let soonest = self
            .rate
            .sooner((now + self.between, Reason::BodyTimeout), began, received);
        match self.expires {
            Some(end) if end < soonest.0 => (end, Reason::RequestTimeout),
            _ => soonest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_pace_is_the_soonest_of_its_limits() {
        let rate = MinRate {
            bytes: 100,
            grace: S(5),
        };
        let pace = Pace {
            between: S(30),
            rate,
            expires: None,
        };
        assert_eq!(pace.next_by(S(10), S(10), 0), (S(15), Reason::SlowClient));
        assert_eq!(
            pace.next_by(S(10), S(11), 1_000),
            (S(25), Reason::SlowClient)
        );
        assert_eq!(
            pace.next_by(S(10), S(11), 1_000_000),
            (S(41), Reason::BodyTimeout)
        );
        let unrated = Pace {
            rate: MinRate { bytes: 0, ..rate },
            expires: Some(S(20)),
            ..pace
        };
        assert_eq!(
            unrated.next_by(S(10), S(11), 0),
            (S(20), Reason::RequestTimeout)
        );
    }
}
