//! One origin of time for the whole process, and a clock that stands still during a task's turn.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

thread_local! {
    static TURN: Cell<Turn> = const { Cell::new(Turn::None) };
}

/// What the clock says in the turn of the task that runs.
#[derive(Clone, Copy)]
enum Turn {
    /// No task runs, or one that sees time pass.
    None,
    /// It has not asked yet.
    Unread,
    At(Duration),
}

/// Some thread of this process simulates; where none does, none needs to be asked.
static SIMULATED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The time of the world that this thread simulates, in nanoseconds.
    static SIMULATED_NOW: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The wall clock's time when a simulated world's clock is at 0.
const SIMULATED_START: Duration = Duration::from_secs(1_700_000_000);

/// Monotonic time since the process first asked for it; the same origin on every thread.
///
/// To a task that was spawned on a core it is as of when it first asks in its present turn, which
/// lasts until it waits: a request asks ten times, and each reading costs 30 ns.
pub fn now() -> Duration {
    if let Some(now) = simulated_now() {
        return now;
    }
    match TURN.get() {
        Turn::None => origin().elapsed(),
        Turn::At(time) => time,
        Turn::Unread => {
            let time = origin().elapsed();
            TURN.set(Turn::At(time));
            time
        }
    }
}

/// Begins a task's turn.
pub(crate) fn begin_turn() {
    TURN.set(Turn::Unread);
}

/// Ends it.
pub(crate) fn end_turn() {
    TURN.set(Turn::None);
}

/// Wall-clock time since 1970-01-01 00:00 UTC; zero where the clock is set before that.
pub fn unix_now() -> Duration {
    if let Some(now) = simulated_now() {
        return SIMULATED_START + now;
    }
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Sets the clock of the world that this thread simulates, or ends that.
pub(crate) fn simulate(nanos: Option<u64>) {
    SIMULATED.store(true, Ordering::Relaxed);
    SIMULATED_NOW.set(nanos);
}

fn simulated_now() -> Option<Duration> {
    if !SIMULATED.load(Ordering::Relaxed) {
        return None;
    }
    SIMULATED_NOW.get().map(Duration::from_nanos)
}

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_one_origin() {
        let before = now();
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(before <= elsewhere && elsewhere <= now());
    }

    #[test]
    fn time_stands_still_for_a_turn_and_no_longer() {
        let moment = || {
            let before = now();
            std::thread::sleep(Duration::from_millis(2));
            (before, now())
        };
        begin_turn();
        let (before, after) = moment();
        assert_eq!(before, after);
        end_turn();
        let (before, after) = moment();
        assert!(before < after);
    }
}
