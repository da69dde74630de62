//! The whole request path on a simulated network: each seed is another run, and the same seed is
//! the same run. `SEEDS=` runs more of them; `SEED=` runs one, and tells what arrives when.

mod cached;
mod client;
mod kept;
mod ledger;
mod left;
mod origin;
mod plans;
mod poison;
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
    let (mut served, mut reach) = (0, Reach::default());
    let failures = each_seed(seeds, run, |outcome: Outcome| {
        served += outcome.tally.whole;
        reach.add(&outcome.reach);
    });
    println!("{seeds} seeds, {served} exchanges served");
    let told: Vec<String> = failures
        .iter()
        .map(|(seed, why)| format!("SEED={seed}: {why}"))
        .collect();
    let (many, told) = (told.len(), told.join("\n"));
    assert_eq!(many, 0, "{many} seeds failed:\n{told}");
    if seeds >= SEEDS {
        println!("{reach:?}");
        reach.assert_everywhere();
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

/// Plays all seeds below a number, on as many threads as there are processors; gives those that failed, in order.
fn each_seed<T: Send>(
    seeds: u64,
    play: impl Fn(u64) -> Result<T, String> + Sync,
    take: impl FnMut(T) + Send,
) -> Vec<(u64, String)> {
    let (next, all) = (AtomicU64::new(0), Mutex::new((take, Vec::new())));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
            let played = played.unwrap_or_else(|_| Err("it panicked".to_owned()));
            let mut all = all.lock().unwrap();
            let (take, failures) = &mut *all;
            match played {
                Ok(outcome) => take(outcome),
                Err(why) => failures.push((seed, why)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (_, mut failures) = all.into_inner().unwrap();
    failures.sort();
    failures
}

fn run(seed: u64) -> Result<Outcome, String> {
    play(Setting::of(seed), false)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
