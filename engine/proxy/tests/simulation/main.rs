//! The whole request path on a simulated network: each seed is another run, and the same seed is
//! the same run. `SEEDS=` runs more of them; `SEED=` runs one, and tells what arrives when.

mod client;
mod kept;
mod ledger;
mod origin;
mod plans;
mod reach;
mod scene;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use reach::Reach;
use scene::{Events, Outcome, Setting, play};

/// Seeds of an ordinary run.
const SEEDS: u64 = 256;

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = number("SEED") {
        let outcome = play(Setting::of(seed), true);
        println!("SEED={seed}: {outcome:?}");
        outcome.unwrap();
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let all = run_all(seeds);
    println!("{seeds} seeds, {} exchanges served", all.served);
    let told: Vec<String> = all
        .failures
        .iter()
        .map(|(seed, why)| format!("SEED={seed}: {why}"))
        .collect();
    let (many, told) = (told.len(), told.join("\n"));
    assert_eq!(many, 0, "{many} seeds failed:\n{told}");
    if seeds >= SEEDS {
        println!("{:?}", all.reach);
        all.reach.assert_everywhere();
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..12 {
        assert_eq!(run(seed).unwrap(), run(seed).unwrap(), "SEED={seed}");
    }
}

#[test]
fn in_fair_weather_all_is_served() {
    for seed in 0..4 {
        let outcome = play(Setting::fair(seed, Events::None), false).unwrap();
        let tally = outcome.tally;
        let bad = (tally.refused, tally.cut, tally.unconnected, tally.repeated);
        assert_eq!(bad, (0, 0, 0, 0), "seed {seed}: {tally:?}");
        assert!(tally.whole > 1500, "{tally:?}");
    }
}

#[test]
fn reloads_and_a_drain_cost_nobody_an_answer_in_fair_weather() {
    for seed in 0..32 {
        let outcome = play(Setting::fair(seed, Events::Planned), false).unwrap();
        let tally = outcome.tally;
        assert_eq!((tally.refused, tally.cut), (0, 0), "seed {seed}: {tally:?}");
    }
}

/// What came of many runs.
#[derive(Default)]
struct All {
    failures: Vec<(u64, String)>,
    served: u64,
    reach: Reach,
}

/// Runs all seeds below a number, on as many threads as there are processors.
fn run_all(seeds: u64) -> All {
    let (next, all) = (AtomicU64::new(0), Mutex::new(All::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            let outcome = run(seed);
            let mut all = all.lock().unwrap();
            match outcome {
                Ok(outcome) => {
                    all.served += outcome.tally.whole;
                    all.reach.add(&outcome.reach);
                }
                Err(why) => all.failures.push((seed, why)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut all = all.into_inner().unwrap();
    all.failures.sort();
    all
}

fn run(seed: u64) -> Result<Outcome, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(Setting::of(seed), false)));
    played.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
