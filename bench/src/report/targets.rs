//! What Ringfence is held to, and whether a run shows it. The targets stand here and nowhere else.

use serde::Serialize;

use crate::origin::Kind;
use crate::peer::Peer;
use crate::report::summary::{Comparison, Entry};
use crate::report::table::{align, spread_of};
use crate::round::Figures;
use crate::scenario;
use crate::stats::Spread;

/// The origin that targets are about, but for scenarios that have one of their own.
const ORIGIN: Kind = Kind::Nginx;

/// The scenario that others are compared with.
const BASE: &str = "small";

/// One target: a figure of Ringfence's, in a scenario, and the most that it may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Target {
    /// The scenario's name.
    pub scenario: &'static str,
    /// What is measured.
    pub figure: Figure,
    /// What it is divided by.
    pub over: Over,
    /// The most that the median may be.
    pub most: f64,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// CPU time for each request.
    Cpu,
    /// The median latency.
    P50,
    /// The 99th percentile of latency.
    P99,
    /// The 99.9th percentile of latency.
    P999,
    /// KiB of memory for each idle connection.
    IdleKib,
    /// CPU time for each request beside idle connections, over that without them.
    BesideIdle,
    /// The 99th percentile of latency in milliseconds.
    P99Ms,
    /// Requests that reach the origin for each time that all clients ask for the same at once.
    Fetches,
}

/// What a figure is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Nothing: it stands for itself.
    Nothing,
    /// The same of another proxy, in the same rounds.
    Peer(Peer),
    /// The same of that other product which is best at it, in the same rounds.
    Best,
    /// The same of that one of these which is best at it, in the same rounds.
    BestOf([Peer; 2]),
    /// The same of Ringfence in the scenario `small` of the same run.
    Base,
}

/// What a run shows of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finding {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// What was measured; `None` = nothing.
    pub measured: Option<Spread>,
    /// What that means.
    pub verdict: Verdict,
}

/// What a measured figure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The median is no more than it may be.
    Met,
    /// It is more.
    Missed,
    /// There is none.
    NotMeasured,
}

const fn target(scenario: &'static str, figure: Figure, over: Over, most: f64) -> Target {
    Target {
        scenario,
        figure,
        over,
        most,
    }
}

/// The two that a hit is compared with.
const CACHES: Over = Over::BestOf([Peer::Nginx, Peer::Haproxy]);

/// The most that a hit in a cache of very many objects may cost, over one in a cache of few.
const ENTRIES: f64 = 1.3;

/// All targets, in the order of the scenarios.
pub const ALL: [Target; 29] = [
    target("small", Figure::Cpu, Over::Peer(Peer::Nginx), 0.82),
    target("small", Figure::Cpu, Over::Peer(Peer::Haproxy), 0.78),
    target("small", Figure::Cpu, Over::Peer(Peer::Pingora), 0.35),
    target("small", Figure::Cpu, Over::Peer(Peer::Sozu), 0.35),
    target("small", Figure::Cpu, Over::Peer(Peer::Floor), 1.15),
    target("one", Figure::P50, Over::Peer(Peer::Nginx), 0.95),
    target("one", Figure::Cpu, Over::Peer(Peer::Nginx), 0.95),
    target("many", Figure::Cpu, Over::Peer(Peer::Nginx), 0.70),
    target("many", Figure::Cpu, Over::Peer(Peer::Haproxy), 0.35),
    target("many", Figure::P99, Over::Best, 1.0),
    target("64k", Figure::Cpu, Over::Peer(Peer::Nginx), 0.80),
    target("64k", Figure::Cpu, Over::Peer(Peer::Haproxy), 1.0),
    target("1m", Figure::Cpu, Over::Peer(Peer::Nginx), 0.80),
    target("1m", Figure::Cpu, Over::Peer(Peer::Haproxy), 0.85),
    target("upload", Figure::Cpu, Over::Peer(Peer::Nginx), 0.80),
    target("upload", Figure::Cpu, Over::Peer(Peer::Haproxy), 0.85),
    target("new", Figure::Cpu, Over::Peer(Peer::Nginx), 0.85),
    target("idle", Figure::IdleKib, Over::Nothing, 1.0),
    target("idle", Figure::BesideIdle, Over::Nothing, 1.05),
    target("routes", Figure::Cpu, Over::Base, 1.05),
    target("servers", Figure::Cpu, Over::Base, 1.05),
    target("constant", Figure::P999, Over::Best, 1.0),
    target("cores", Figure::Cpu, Over::Base, 1.05),
    target("hit", Figure::Cpu, CACHES, 0.65),
    target("hit", Figure::Cpu, Over::Peer(Peer::Memory), 1.20),
    target("hit-64k", Figure::Cpu, CACHES, 0.65),
    target("hit-64k", Figure::Cpu, Over::Peer(Peer::Memory), 1.20),
    target("stampede", Figure::Fetches, Over::Nothing, 1.0),
    target("stampede", Figure::P99Ms, Over::Nothing, 230.0),
];

/// Holds what was measured against the targets.
#[must_use]
pub fn judge(comparisons: &[&Comparison]) -> Vec<Finding> {
    let find = |target: Target| {
        let measured = measure(target, comparisons);
        let verdict = match measured {
            Some(spread) if spread.median <= target.most => Verdict::Met,
            Some(_) => Verdict::Missed,
            None => Verdict::NotMeasured,
        };
        Finding {
            target,
            measured,
            verdict,
        }
    };
    ALL.into_iter().map(find).collect()
}

/// The figure of a target.
fn measure(target: Target, comparisons: &[&Comparison]) -> Option<Spread> {
    let of = |scenario| {
        let mut all = comparisons.iter();
        let own = scenario::find(scenario).and_then(|known| known.origin);
        all.find(|one| one.scenario == scenario && one.origin == own.unwrap_or(ORIGIN))
    };
    let comparison = of(target.scenario)?;
    let ours = comparison.entry(Peer::Ringfence)?;
    let base = match target.over {
        Over::Nothing => return Spread::of(each(ours, target.figure).into_iter().flatten()),
        Over::Peer(peer) => comparison.entry(peer)?,
        Over::Best => best(comparison, target.figure, |peer| {
            peer.is_product() && peer != Peer::Ringfence
        })?,
        Over::BestOf(peers) => best(comparison, target.figure, |peer| peers.contains(&peer))?,
        Over::Base => of(BASE)?.entry(Peer::Ringfence)?,
    };
    Spread::of_ratios(&each(ours, target.figure), &each(base, target.figure))
}

/// Of those that are `among`, the one with the least median of a figure.
fn best(comparison: &Comparison, figure: Figure, among: impl Fn(Peer) -> bool) -> Option<&Entry> {
    let median = |entry: &Entry| {
        Spread::of(each(entry, figure).into_iter().flatten()).map(|spread| spread.median)
    };
    let others = comparison
        .entries
        .iter()
        .filter(|entry| among(entry.peer))
        .filter_map(|entry| Some((entry, median(entry)?)));
    others
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(entry, _)| entry)
}

/// A figure of each round; `None` for one that does not count.
fn each(entry: &Entry, figure: Figure) -> Vec<Option<f64>> {
    // No number where there is no such figure, and a spread leaves those out.
    let some = |figure: fn(&Figures) -> Option<f64>| {
        entry.each(|figures| figure(figures).unwrap_or(f64::NAN))
    };
    match figure {
        Figure::Cpu => entry.each(Figures::cpu_us),
        Figure::P50 => entry.each(|figures| figures.p50_us),
        Figure::P99 => entry.each(|figures| figures.p99_us),
        Figure::P999 => entry.each(|figures| figures.p999_us),
        Figure::IdleKib => some(|figures| Some(figures.idle_bytes()? / 1024.0)),
        Figure::BesideIdle => some(Figures::beside_idle),
        Figure::P99Ms => entry.each(|figures| figures.p99_us / 1e3),
        Figure::Fetches => some(Figures::fetches),
    }
}

/// The table of what was measured, and below it what was not.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let header = ["target", "at most", "measured", ""].map(str::to_owned);
    let mut lines = vec![header.to_vec()];
    let mut absent = Vec::new();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NotMeasured => {
                absent.push(name(finding.target));
                continue;
            }
        };
        lines.push(vec![
            name(finding.target),
            format!("{:.2}", finding.target.most),
            finding.measured.map_or(String::new(), |measured| {
                spread_of(measured, |value| format!("{value:.3}"))
            }),
            verdict.to_owned(),
        ]);
    }
    let mut text = format!("### targets · origin {ORIGIN}, or the only one of a scenario\n\n");
    if lines.len() > 1 {
        text += &align(&lines);
    }
    if !absent.is_empty() {
        text += &format!("\nNot measured: {}.\n", absent.join("; "));
    }
    text
}

/// What a hit in a cache of many objects costs over one in a cache of few, and whether that is within its target.
#[must_use]
pub fn of_entries(few: &Comparison, many: &Comparison) -> String {
    let cost = |comparison: &Comparison| {
        let ours = comparison.entry(Peer::Ringfence);
        ours.map_or(Vec::new(), |ours| each(ours, Figure::Cpu))
    };
    let Some(ratio) = Spread::of_ratios(&cost(many), &cost(few)) else {
        return "Not measured: the cost of a hit over entries.\n".to_owned();
    };
    let verdict = if ratio.median <= ENTRIES {
        "met"
    } else {
        "**missed**"
    };
    let shown = spread_of(ratio, |value| format!("{value:.2}"));
    format!(
        "A hit {} costs {shown} × one {}; at most {ENTRIES}: {verdict}.\n",
        many.about, few.about
    )
}

/// What a target is about, in words.
fn name(target: Target) -> String {
    let figure = match target.figure {
        Figure::Cpu => "CPU",
        Figure::P50 => "p50",
        Figure::P99 => "p99",
        Figure::P999 => "p99.9",
        Figure::IdleKib => "KiB a connection",
        Figure::BesideIdle => "CPU beside ÷ without",
        Figure::P99Ms => "p99 in ms",
        Figure::Fetches => "fetches of an object",
    };
    let over = match target.over {
        Over::Nothing => String::new(),
        Over::Peer(peer) => format!(" ÷ {peer}"),
        Over::Best => " ÷ the best other".to_owned(),
        Over::BestOf([one, other]) => format!(" ÷ the best of {one} and {other}"),
        Over::Base => format!(" ÷ `{BASE}`"),
    };
    format!("`{}` {figure}{over}", target.scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{beside_idle, comparison, round};
    use crate::round::{CacheFigures, Round};

    fn entry(peer: Peer, rounds: Vec<Round>) -> Entry {
        Entry { peer, rounds }
    }

    fn of(scenario: &'static str, entries: Vec<Entry>) -> Comparison {
        Comparison {
            scenario,
            ..comparison(entries)
        }
    }

    fn finding(all: &[&Comparison], scenario: &str, figure: Figure, over: Over) -> Finding {
        let mut found = judge(all).into_iter().filter(|finding| {
            let target = finding.target;
            (target.scenario, target.figure, target.over) == (scenario, figure, over)
        });
        found.next().expect("there is such a target")
    }

    #[test]
    fn every_target_is_of_a_scenario_and_said_once() {
        for (at, target) in ALL.iter().enumerate() {
            assert!(scenario::find(target.scenario).is_some(), "{target:?}");
            let again = ALL[..at].iter().any(|other| name(*other) == name(*target));
            assert!(!again, "{target:?}");
        }
    }

    #[test]
    fn the_base_is_a_scenario() {
        assert_eq!(scenario::ALL[0].name, BASE);
    }

    #[test]
    fn without_a_run_nothing_is_measured() {
        let all = judge(&[]);
        assert!(all.iter().all(|one| one.verdict == Verdict::NotMeasured));
        assert!(render(&all).contains("Not measured: `small` CPU ÷ nginx; "));
    }

    #[test]
    fn a_ratio_is_met_or_missed_by_its_median() {
        let nginx = entry(Peer::Nginx, vec![round(0.0, 10.0); 3]);
        let ours = [8.0, 8.2, 9.0].map(|cost| round(0.0, cost));
        let small = of("small", vec![nginx, entry(Peer::Ringfence, ours.to_vec())]);
        let found = finding(&[&small], "small", Figure::Cpu, Over::Peer(Peer::Nginx));
        assert_eq!(found.verdict, Verdict::Met);
        assert_eq!(found.measured.unwrap().max, 0.9);
        let dear = entry(Peer::Ringfence, vec![round(0.0, 8.3); 3]);
        let nginx = entry(Peer::Nginx, vec![round(0.0, 10.0); 3]);
        let small = of("small", vec![nginx, dear]);
        let found = finding(&[&small], "small", Figure::Cpu, Over::Peer(Peer::Nginx));
        assert_eq!(found.verdict, Verdict::Missed);
        let text = render(&judge(&[&small]));
        assert!(
            text.contains("| `small` CPU ÷ nginx |    0.82 |    0.830 | **missed** |"),
            "{text}"
        );
    }

    #[test]
    fn void_rounds_and_other_origins_do_not_count() {
        let void = Round {
            void: Some("1 × wrong body".to_owned()),
            ..round(0.0, 1.0)
        };
        let nginx = entry(Peer::Nginx, vec![round(0.0, 10.0)]);
        let small = of("small", vec![nginx, entry(Peer::Ringfence, vec![void])]);
        let over = Over::Peer(Peer::Nginx);
        let found = finding(&[&small], "small", Figure::Cpu, over);
        assert_eq!(found.verdict, Verdict::NotMeasured);
        let nginx = entry(Peer::Nginx, vec![round(0.0, 10.0)]);
        let ours = entry(Peer::Ringfence, vec![round(0.0, 1.0)]);
        let alone = Comparison {
            origin: Kind::Alone,
            ..of("small", vec![nginx, ours])
        };
        let found = finding(&[&alone], "small", Figure::Cpu, over);
        assert_eq!(found.verdict, Verdict::NotMeasured);
    }

    #[test]
    fn the_best_other_is_a_product() {
        let with = |peer, p99_us| {
            let mut one = round(1.0, 1.0);
            one.figures = one.figures.map(|figures| Figures { p99_us, ..figures });
            entry(peer, vec![one])
        };
        let many = of(
            "many",
            vec![
                with(Peer::Nginx, 400.0),
                with(Peer::Haproxy, 200.0),
                with(Peer::Ringfence, 100.0),
                with(Peer::Floor, 50.0),
            ],
        );
        let found = finding(&[&many], "many", Figure::P99, Over::Best);
        assert_eq!(found.measured.unwrap().median, 0.5);
    }

    #[test]
    fn a_hit_is_compared_with_the_better_of_two() {
        let one = |peer, cost| entry(peer, vec![round(0.0, cost)]);
        let hit = of(
            "hit",
            vec![
                one(Peer::Nginx, 10.0),
                one(Peer::Haproxy, 12.0),
                one(Peer::Varnish, 5.0),
                one(Peer::Ringfence, 6.0),
                one(Peer::Memory, 5.0),
            ],
        );
        let found = finding(&[&hit], "hit", Figure::Cpu, CACHES);
        assert_eq!(
            (found.measured.unwrap().median, found.verdict),
            (0.6, Verdict::Met)
        );
        let found = finding(&[&hit], "hit", Figure::Cpu, Over::Peer(Peer::Memory));
        assert_eq!(
            (found.measured.unwrap().median, found.verdict),
            (1.2, Verdict::Met)
        );
    }

    #[test]
    fn a_stampede_stands_for_itself_with_its_own_origin() {
        let mut one = round(0.0, 10.0);
        one.figures = one.figures.map(|figures| Figures {
            p99_us: 231_000.0,
            cache: Some(CacheFigures {
                hits: 0.5,
                fetches: Some(1.0),
            }),
            ..figures
        });
        let stampede = Comparison {
            origin: Kind::Alone,
            ..of("stampede", vec![entry(Peer::Ringfence, vec![one])])
        };
        let found = finding(&[&stampede], "stampede", Figure::Fetches, Over::Nothing);
        assert_eq!(found.verdict, Verdict::Met);
        let found = finding(&[&stampede], "stampede", Figure::P99Ms, Over::Nothing);
        assert_eq!(
            (found.measured.unwrap().median, found.verdict),
            (231.0, Verdict::Missed)
        );
    }

    #[test]
    fn many_entries_are_held_against_few() {
        let with = |cost| {
            of(
                "entries",
                vec![entry(Peer::Ringfence, vec![round(0.0, cost)])],
            )
        };
        assert!(of_entries(&with(10.0), &with(12.0)).contains("costs 1.20 × one"));
        assert!(of_entries(&with(10.0), &with(12.0)).ends_with("met.\n"));
        assert!(of_entries(&with(10.0), &with(14.0)).contains("**missed**"));
        assert!(of_entries(&with(10.0), &of("entries", Vec::new())).starts_with("Not measured"));
    }

    #[test]
    fn a_scenario_is_compared_with_small_and_idle_ones_with_nothing() {
        let small = of(
            "small",
            vec![entry(Peer::Ringfence, vec![round(0.0, 10.0)])],
        );
        let routes = of(
            "routes",
            vec![entry(Peer::Ringfence, vec![round(0.0, 11.0)])],
        );
        let found = finding(&[&small, &routes], "routes", Figure::Cpu, Over::Base);
        assert_eq!(found.verdict, Verdict::Missed);
        assert_eq!(found.measured.unwrap().median, 1.1);
        let beside = beside_idle(round(0.0, 10.2));
        let idle = of("idle", vec![entry(Peer::Ringfence, vec![beside])]);
        let found = finding(&[&idle], "idle", Figure::IdleKib, Over::Nothing);
        assert_eq!(
            (found.measured.unwrap().median, found.verdict),
            (0.5, Verdict::Met)
        );
        let found = finding(&[&idle], "idle", Figure::BesideIdle, Over::Nothing);
        assert_eq!(found.verdict, Verdict::Met);
    }
}
