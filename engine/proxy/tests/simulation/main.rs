//! The whole request path on a simulated network: each seed is another run, and the same seed is
//! the same run. `SEEDS=` runs more of them, `SEED=` one.

mod client;
mod ledger;
mod origin;
mod plans;
mod scene;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use scene::{Outcome, Setting, play};

/// Seeds of an ordinary run.
const SEEDS: u64 = 256;

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed);
        println!("seed {seed}: {outcome:?}");
        outcome.unwrap();
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let (failures, exchanges) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    match run(seed) {
                        Ok(outcome) => {
                            exchanges.fetch_add(outcome.tally.whole, Ordering::Relaxed);
                        }
                        Err(why) => failures.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    println!("{seeds} seeds, {} exchanges served", exchanges.into_inner());
    let told: Vec<String> = failures
        .iter()
        .map(|(seed, why)| format!("SEED={seed}: {why}"))
        .collect();
    assert!(
        told.is_empty(),
        "{} seeds failed:\n{}",
        told.len(),
        told.join("\n")
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..12 {
        assert_eq!(run(seed), run(seed), "SEED={seed}");
    }
}

#[test]
fn in_fair_weather_all_is_served() {
    let outcome = play(Setting::fair(1), true).unwrap();
    let tally = outcome.tally;
    assert_eq!((tally.refused, tally.cut), (0, 0), "{tally:?}");
    assert!(tally.whole > 1500, "{tally:?}");
}

fn run(seed: u64) -> Result<Outcome, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(Setting::of(seed), false)));
    played.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
