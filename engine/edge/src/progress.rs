//! How a warming goes, on standard error: one line that moves on a terminal, and now and then a line elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use ringfence_control::{Tally, Watch};

/// How often the line moves on a terminal.
const OFTEN: Duration = Duration::from_millis(100);

/// How often there is a line elsewhere.
const SELDOM: Duration = Duration::from_secs(5);

/// Failures that are told one by one.
const MOST_TOLD: usize = 20;

/// Shows how a warming goes.
pub(crate) struct Progress {
    began: Instant,
    shown: Instant,
    is_terminal: bool,
    failures: usize,
}

impl Progress {
    /// Begins to show it.
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            shown: now,
            is_terminal: io::stderr().is_terminal(),
            failures: 0,
        }
    }

    /// Takes the moving line away, and says how long it took.
    pub(crate) fn end(self) -> Duration {
        self.write("", "");
        self.began.elapsed()
    }

    /// Writes a line that stays, above the one that moves, where there is one. Nobody has to read it.
    fn write(&self, stays: &str, moves: &str) {
        let mut out = io::stderr().lock();
        let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
        let end = if stays.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{clear}{stays}{end}{moves}");
        let _ = out.flush();
    }
}

impl Watch for Progress {
    fn moved(&mut self, tally: &Tally) {
        let often = if self.is_terminal { OFTEN } else { SELDOM };
        if self.shown.elapsed() < often {
            return;
        }
        self.shown = Instant::now();
        let rate = tally.done() as f64 / self.began.elapsed().as_secs_f64();
        let line = format!(
            "{} of {}, {rate:.0} a second: {tally}",
            tally.done(),
            tally.total
        );
        match self.is_terminal {
            true => self.write("", &line),
            false => self.write(&line, ""),
        }
    }

    fn failed(&mut self, url: &str, why: &str) {
        self.failures += 1;
        match self.failures {
            ..=MOST_TOLD => self.write(&format!("{}: {why}", url.escape_debug()), ""),
            21 => self.write("more have failed", ""),
            _ => {}
        }
    }

    fn waits(&mut self, pause: Duration) {
        let seconds = pause.as_secs_f64();
        self.write(&format!("no server answers: it waits for {seconds} s"), "");
    }
}
