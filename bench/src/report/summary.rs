//! Rounds boiled down: medians, spreads, and ratios between proxies.

use serde::Serialize;

use crate::origin::Kind;
use crate::peer::Peer;
use crate::round::{Figures, Round};
use crate::stats::Spread;

/// All rounds of one scenario in front of one origin.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The scenario's name.
    pub scenario: &'static str,
    /// What the scenario is.
    pub about: String,
    /// The origin.
    pub origin: Kind,
    /// The fixed rate in requests a second, where there was one.
    pub rate: Option<f64>,
    /// What each proxy did, in the order of the table.
    pub entries: Vec<Entry>,
}

/// One proxy's rounds, in the order in which they were run.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The proxy.
    pub peer: Peer,
    /// Its rounds; those of the same number were run beside each other.
    pub rounds: Vec<Round>,
}

/// A row of the table. `None` = no round counts.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The proxy.
    pub peer: Peer,
    /// Missing or wrong answers of all rounds.
    pub errors: u64,
    /// Rounds that do not count, of all.
    pub void: usize,
    /// Requests a second.
    pub rate: Option<Spread>,
    /// CPU time in user mode for each request, in microseconds.
    pub user_us: Option<Spread>,
    /// CPU time in the kernel for each request, in microseconds.
    pub system_us: Option<Spread>,
    /// Both together.
    pub cpu_us: Option<Spread>,
    /// The share of its cores that the proxy used, 0 to 1.
    pub busy: Option<Spread>,
    /// The median latency in microseconds.
    pub p50_us: Option<Spread>,
    /// The 99th percentile of latency in microseconds.
    pub p99_us: Option<Spread>,
    /// The 99.9th percentile of latency in microseconds.
    pub p999_us: Option<Spread>,
    /// The most resident memory, in bytes.
    pub peak_memory: Option<Spread>,
    /// Resident memory for each idle connection, in bytes.
    pub idle_bytes: Option<Spread>,
    /// CPU time for each request beside the idle connections, over that without them.
    pub beside_idle: Option<Spread>,
    /// The share of requests that the cache answered, 0 to 1.
    pub hits: Option<Spread>,
    /// Requests that reached the origin for each time that all asked for the same at once.
    pub fetches: Option<Spread>,
    /// CPU time for each request over nginx's.
    pub to_nginx: Option<Spread>,
    /// CPU time for each request over the floor's; where a cache answers, that is what answers from memory.
    pub to_floor: Option<Spread>,
}

impl Comparison {
    /// The rows of the table.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.entries.iter().map(|entry| self.row(entry)).collect()
    }

    /// Why rounds do not count, each with its proxy and number.
    #[must_use]
    pub fn voids(&self) -> Vec<String> {
        let of = |entry: &Entry| {
            let numbered = entry.rounds.iter().enumerate();
            let void =
                numbered.filter_map(|(number, round)| Some((number + 1, round.void.clone()?)));
            let peer = entry.peer;
            void.map(move |(number, why)| format!("{peer}, round {number}: {why}"))
                .collect::<Vec<_>>()
        };
        self.entries.iter().flat_map(of).collect()
    }

    /// What one proxy did; nothing where it took no part.
    #[must_use]
    pub fn entry(&self, peer: Peer) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.peer == peer)
    }

    /// One row.
    fn row(&self, entry: &Entry) -> Row {
        let spread =
            |figure: fn(&Figures) -> f64| Spread::of(entry.each(figure).into_iter().flatten());
        let some = |figure: fn(&Figures) -> Option<f64>| {
            Spread::of(entry.counted().flatten().filter_map(figure))
        };
        let ratio = |peer| {
            let base = self.entry(peer)?;
            Spread::of_ratios(&entry.each(Figures::cpu_us), &base.each(Figures::cpu_us))
        };
        Row {
            peer: entry.peer,
            errors: entry.rounds.iter().map(|round| round.errors).sum(),
            void: entry
                .rounds
                .iter()
                .filter(|round| round.void.is_some())
                .count(),
            rate: spread(Figures::rate),
            user_us: spread(|figures| figures.user_us),
            system_us: spread(|figures| figures.system_us),
            cpu_us: spread(Figures::cpu_us),
            busy: spread(|figures| figures.busy),
            p50_us: spread(|figures| figures.p50_us),
            p99_us: spread(|figures| figures.p99_us),
            p999_us: spread(|figures| figures.p999_us),
            peak_memory: spread(|figures| figures.peak_memory as f64),
            idle_bytes: some(Figures::idle_bytes),
            beside_idle: some(Figures::beside_idle),
            hits: some(Figures::hits),
            fetches: some(Figures::fetches),
            to_nginx: ratio(Peer::Nginx),
            to_floor: ratio(Peer::Floor).or_else(|| ratio(Peer::Memory)),
        }
    }
}

impl Entry {
    /// The figures of each round; `None` for one that does not count.
    fn counted(&self) -> impl Iterator<Item = Option<&Figures>> {
        self.rounds
            .iter()
            .map(|round| round.figures.as_ref().filter(|_| round.void.is_none()))
    }

    /// One figure of each round; `None` for one that does not count.
    pub fn each(&self, figure: impl Fn(&Figures) -> f64) -> Vec<Option<f64>> {
        self.counted().map(|figures| figures.map(&figure)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::round::IdleFigures;

    /// A round that cost so many microseconds for each request.
    pub(crate) fn round(user_us: f64, system_us: f64) -> Round {
        let figures = Figures {
            requests: 60_000,
            seconds: 2.0,
            user_us,
            system_us,
            busy: 0.75,
            p50_us: 800.0,
            p99_us: 1_500.0,
            p999_us: 12_345.6,
            peak_memory: 10 * 1024 * 1024,
            idle: None,
            cache: None,
        };
        Round {
            figures: Some(figures),
            errors: 0,
            void: None,
        }
    }

    /// The same round beside idle connections of 512 bytes each, where a request costs 10 µs without them.
    pub(crate) fn beside_idle(round: Round) -> Round {
        let idle = IdleFigures {
            bytes_each: 512.0,
            alone_us: 10.0,
        };
        let figures = round.figures.map(|figures| Figures {
            idle: Some(idle),
            ..figures
        });
        Round { figures, ..round }
    }

    /// A comparison of these entries.
    pub(crate) fn comparison(entries: Vec<Entry>) -> Comparison {
        Comparison {
            scenario: "small",
            about: "128 B, 64 connections".to_owned(),
            origin: Kind::Nginx,
            rate: None,
            entries,
        }
    }

    #[test]
    fn ratios_are_between_rounds_of_the_same_number() {
        let nginx = Entry {
            peer: Peer::Nginx,
            rounds: vec![round(2.0, 8.0), round(4.0, 16.0)],
        };
        let ours = Entry {
            peer: Peer::Ringfence,
            rounds: vec![round(1.0, 7.0), round(1.0, 15.0)],
        };
        let rows = comparison(vec![nginx, ours]).rows();
        assert_eq!(
            rows[1].to_nginx,
            Some(Spread {
                median: 0.8,
                min: 0.8,
                max: 0.8
            })
        );
        assert_eq!(rows[0].to_nginx.unwrap().median, 1.0);
        assert_eq!(rows[1].to_floor, None);
        assert_eq!(
            rows[1].cpu_us,
            Some(Spread {
                median: 12.0,
                min: 8.0,
                max: 16.0
            })
        );
        assert_eq!(rows[1].rate.unwrap().median, 30_000.0);
    }

    #[test]
    fn void_rounds_do_not_count() {
        let mut bad = round(1.0, 1.0);
        bad.void = Some("2 × wrong body".to_owned());
        bad.errors = 2;
        let nginx = Entry {
            peer: Peer::Nginx,
            rounds: vec![round(2.0, 8.0), round(2.0, 8.0)],
        };
        let ours = Entry {
            peer: Peer::Ringfence,
            rounds: vec![bad, round(1.0, 4.0)],
        };
        let comparison = comparison(vec![nginx, ours]);
        let rows = comparison.rows();
        assert_eq!((rows[1].errors, rows[1].void), (2, 1));
        assert_eq!(rows[1].cpu_us.unwrap().median, 5.0);
        assert_eq!(rows[1].to_nginx.unwrap().median, 0.5);
        assert_eq!(comparison.voids(), ["ringfence, round 1: 2 × wrong body"]);
    }

    #[test]
    fn idle_figures_become_bytes_and_a_ratio() {
        let rows = comparison(vec![Entry {
            peer: Peer::Nginx,
            rounds: vec![beside_idle(round(3.0, 9.0))],
        }])
        .rows();
        assert_eq!(rows[0].idle_bytes.unwrap().median, 512.0);
        assert_eq!(rows[0].beside_idle.unwrap().median, 1.2);
    }
}
