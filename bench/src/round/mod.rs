//! One round of one proxy: what it brought and whether it counts.

pub mod contest;

use serde::Serialize;

use crate::load::engine::Seen;

/// What a round brought.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// The figures, even of a void round if it came that far.
    pub figures: Option<Figures>,
    /// How many answers were missing or wrong.
    pub errors: u64,
    /// Why the round does not count; `None` = it does.
    pub void: Option<String>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Figures {
    /// Right answers in the window.
    pub requests: u64,
    /// The length of the window in seconds.
    pub seconds: f64,
    /// CPU time of the proxy in user mode for each request, in microseconds.
    pub user_us: f64,
    /// CPU time of the proxy in the kernel for each request, in microseconds.
    pub system_us: f64,
    /// The share of its cores that the proxy used, 0 to 1.
    pub busy: f64,
    /// The median latency in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of latency in microseconds.
    pub p99_us: f64,
    /// The 99.9th percentile of latency in microseconds.
    pub p999_us: f64,
    /// The most memory that was resident, in bytes.
    pub peak_memory: u64,
    /// What idle connections cost, where the scenario has some.
    pub idle: Option<IdleFigures>,
    /// What the cache did, where there is one.
    pub cache: Option<CacheFigures>,
}

/// What a cache did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CacheFigures {
    /// The share of requests that did not reach the origin, 0 to 1.
    pub hits: f64,
    /// Requests that reached it for each time that all connections asked for the same at once, where they do.
    pub fetches: Option<f64>,
}

/// What idle connections cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct IdleFigures {
    /// Resident memory for each idle connection, in bytes. Sockets' own memory is the kernel's and not in it.
    pub bytes_each: f64,
    /// CPU time for each request before the idle connections came, in microseconds.
    pub alone_us: f64,
}

impl Figures {
    /// CPU time for each request, in microseconds.
    #[must_use]
    pub fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }

    /// Resident memory for each idle connection, in bytes, where there were some.
    #[must_use]
    pub fn idle_bytes(&self) -> Option<f64> {
        self.idle.map(|idle| idle.bytes_each)
    }

    /// CPU time for each request beside idle connections, over that without them.
    #[must_use]
    pub fn beside_idle(&self) -> Option<f64> {
        self.idle.map(|idle| self.cpu_us() / idle.alone_us)
    }

    /// The share of requests that the cache answered, where there is one and not all ask for the same at once.
    #[must_use]
    pub fn hits(&self) -> Option<f64> {
        let cache = self.cache.filter(|cache| cache.fetches.is_none());
        cache.map(|cache| cache.hits)
    }

    /// Requests that reached the origin for each time that all asked for the same at once.
    #[must_use]
    pub fn fetches(&self) -> Option<f64> {
        self.cache?.fetches
    }

    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// What one load brought, before it is judged.
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    pub(crate) seen: Seen,
    /// Right answers, in the window or not.
    pub(crate) answers: u64,
    pub(crate) void: Option<String>,
}

impl Measured {
    /// An access log has to have a line for every answer.
    pub(crate) fn check_log(&mut self, log: &[u8]) {
        let lines = log.iter().filter(|byte| **byte == b'\n').count() as u64;
        if lines < self.answers {
            self.void = Some(format!(
                "{} of {} log lines are missing",
                self.answers - lines,
                self.answers
            ));
        }
    }

    /// Where the cache has everything, none of the requests in the window may have `reached` the origin.
    pub(crate) fn check_hits(&mut self, reached: u64) {
        if reached > 0 {
            self.void = Some(format!("{reached} requests reached the origin"));
        }
    }

    /// Judges the round.
    pub(crate) fn into_round(self) -> Round {
        let errors = self.seen.faults.total();
        let void = match self.void {
            _ if errors > 0 => Some(self.seen.faults.words()),
            None if self.figures.requests == 0 => Some("no answer in the window".to_owned()),
            void => void,
        };
        Round {
            figures: Some(self.figures),
            errors,
            void,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fault::Fault;

    fn measured() -> Measured {
        let figures = Figures {
            requests: 10,
            seconds: 2.0,
            user_us: 1.0,
            system_us: 2.5,
            ..Figures::default()
        };
        Measured {
            figures,
            seen: Seen::default(),
            answers: 3,
            void: None,
        }
    }

    #[test]
    fn figures_add_up() {
        let figures = measured().figures;
        assert_eq!((figures.cpu_us(), figures.rate()), (3.5, 5.0));
    }

    #[test]
    fn a_good_round_counts() {
        assert_eq!(measured().into_round().void, None);
    }

    #[test]
    fn one_fault_makes_a_round_void() {
        let mut bad = measured();
        bad.seen.faults.add(Fault::WrongBody);
        let round = bad.into_round();
        assert_eq!(
            (round.errors, round.void.as_deref()),
            (1, Some("1 × wrong body"))
        );
    }

    #[test]
    fn a_missing_log_line_makes_a_round_void() {
        let mut logged = measured();
        logged.check_log(b"1\n2\n3\n");
        assert_eq!(logged.into_round().void, None);
        let mut lost = measured();
        lost.check_log(b"1\n2\n");
        assert_eq!(
            lost.into_round().void.as_deref(),
            Some("1 of 3 log lines are missing")
        );
    }

    #[test]
    fn a_miss_where_there_should_be_none_makes_a_round_void() {
        let mut cached = measured();
        cached.check_hits(0);
        assert_eq!(cached.into_round().void, None);
        let mut missed = measured();
        missed.check_hits(2);
        assert_eq!(
            missed.into_round().void.as_deref(),
            Some("2 requests reached the origin")
        );
    }

    #[test]
    fn a_round_without_answers_is_void() {
        let mut silent = measured();
        silent.figures.requests = 0;
        assert!(silent.into_round().void.is_some());
    }
}
