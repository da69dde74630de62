//! Who may be chosen now: each server's health, and what follows from it for the group.

use std::time::Duration;

use crate::server::Server;

/// A slow start goes up in this many steps.
pub(crate) const STEPS: u32 = 16;

/// Where one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) backup: bool,
    pub(crate) draining: bool,
    /// Up and not ejected.
    pub(crate) healthy: bool,
    /// Steps of its slow start, 1 to [`STEPS`].
    pub(crate) steps: u32,
}

impl Standing {
    /// A server's standing, and when time alone changes it (`None` = never).
    pub(crate) fn of(
        server: &Server,
        slow_start: Duration,
        now: Duration,
    ) -> (Self, Option<Duration>) {
        let ejected = server.ejected_until(now);

        let (steps, next) = match server.recovered_at(now) {
            Some(at) => ramp(at, slow_start, now),
            None => (STEPS, None),
        };
        let standing = Self {
            backup: server.backup,
            draining: server.is_draining(),
            healthy: server.is_up() && ejected.is_none(),
            steps,
        };
        (standing, earliest(ejected, next))
    }
}

/// The servers to choose from, and those for when all of the first are full or were tried: for each server its steps of
/// slow start, 0 for one that is not in the tier.
///
/// Primaries while enough of them are healthy, with backups behind them. Too few: panic, all primaries alike, for the
/// few would only fall too. None: the healthy backups. None of these either: panic, if there is a threshold at all.
pub(crate) fn tiers(standings: &[Standing], panic_threshold: f64) -> [Vec<u32>; 2] {
    let count = |backup: bool, healthy: bool| {
        let matches = |s: &&Standing| s.backup == backup && !s.draining && (s.healthy || !healthy);
        standings.iter().filter(matches).count()
    };
    let (primaries, healthy) = (count(false, false), count(false, true));
    let panics = (healthy as f64) < primaries as f64 * panic_threshold;
    let nobody = || vec![0; standings.len()];
    match (healthy, count(true, true)) {
        (1.., _) if panics => [all(standings, false), healthy_ones(standings, true)],
        (1.., _) => [
            healthy_ones(standings, false),
            healthy_ones(standings, true),
        ],
        (0, 1..) => [healthy_ones(standings, true), nobody()],
        (0, 0) if panic_threshold > 0.0 => [all(standings, primaries == 0), nobody()],
        (0, 0) => [nobody(), nobody()],
    }
}

/// The earlier of two times, where `None` is never.
pub(crate) fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

/// The healthy ones; where all of them are starting, those who are furthest count as done.
fn healthy_ones(standings: &[Standing], backup: bool) -> Vec<u32> {
    let member = |s: &Standing| s.backup == backup && !s.draining && s.healthy;
    let members = standings.iter().filter(|s| member(s));
    let most = members.map(|s| s.steps).max().unwrap_or(STEPS);
    let steps = |s: &Standing| match member(s) {
        true => (s.steps * STEPS).div_ceil(most),
        false => 0,
    };
    standings.iter().map(steps).collect()
}

fn all(standings: &[Standing], backup: bool) -> Vec<u32> {
    let steps = |s: &Standing| match s.backup == backup && !s.draining {
        true => STEPS,
        false => 0,
    };
    standings.iter().map(steps).collect()
}

/// Steps of a slow start that began `at`, and when to look again.
fn ramp(at: Duration, length: Duration, now: Duration) -> (u32, Option<Duration>) {
    let step = length / STEPS;
    if step.is_zero() || now >= at + length {
        return (STEPS, None);
    }
    let done = (now.saturating_sub(at).as_nanos() / step.as_nanos()) as u32;
    if done + 1 >= STEPS {
        return (STEPS, None);
    }
    // Many servers that start at different times must not make a picker look again at every request.
    let next = (at + step * (done + 1)).max(now + step / 4);
    (done + 1, Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Standing = Standing {
        backup: false,
        draining: false,
        healthy: true,
        steps: STEPS,
    };
    const ILL: Standing = Standing {
        healthy: false,
        ..OK
    };
    const SPARE: Standing = Standing { backup: true, ..OK };
    const ILL_SPARE: Standing = Standing {
        backup: true,
        ..ILL
    };
    const LEAVING: Standing = Standing {
        draining: true,
        ..OK
    };

    const NOBODY: [Vec<usize>; 2] = [Vec::new(), Vec::new()];

    fn who(standings: &[Standing], threshold: f64) -> [Vec<usize>; 2] {
        tiers(standings, threshold)
            .map(|steps| (0..steps.len()).filter(|ix| steps[*ix] > 0).collect())
    }

    #[test]
    fn backups_stand_behind_primaries() {
        assert_eq!(who(&[OK, ILL, SPARE, LEAVING], 0.0), [vec![0], vec![2]]);
        assert_eq!(who(&[ILL, ILL, SPARE, ILL_SPARE], 0.0), [vec![2], vec![]]);
        assert_eq!(who(&[ILL, ILL_SPARE], 0.0), NOBODY);
        assert_eq!(who(&[], 0.5), NOBODY);
    }

    #[test]
    fn below_the_threshold_all_but_the_draining_are_used() {
        assert_eq!(
            who(&[OK, ILL, ILL, LEAVING, SPARE], 0.4),
            [vec![0, 1, 2], vec![4]]
        );
        assert_eq!(who(&[OK, ILL, ILL, LEAVING], 0.3), [vec![0], vec![]]);
        assert_eq!(who(&[ILL, LEAVING, ILL_SPARE], 0.1), [vec![0], vec![]]);
        assert_eq!(who(&[LEAVING, ILL_SPARE], 0.1), [vec![2 - 1], vec![]]);
        assert_eq!(who(&[LEAVING], 1.0), NOBODY);
    }

    #[test]
    fn starting_slowly_is_relative_to_the_others() {
        let at = |steps| Standing { steps, ..OK };
        assert_eq!(tiers(&[at(4), OK], 0.0)[0], [4, 16]);
        assert_eq!(tiers(&[at(1), at(1), ILL], 0.0)[0], [16, 16, 0]);
        assert_eq!(tiers(&[at(1), at(8)], 0.0)[0], [2, 16]);
    }

    #[test]
    fn slow_start_goes_up_step_by_step() {
        let (at, length) = (Duration::from_secs(100), Duration::from_secs(16));
        let steps = |s: u64| ramp(at, length, Duration::from_secs(s));
        assert_eq!(steps(100), (1, Some(Duration::from_secs(101))));
        assert_eq!(steps(108), (9, Some(Duration::from_secs(109))));
        assert_eq!(steps(115), (STEPS, None));
        assert_eq!(steps(200), (STEPS, None));
        assert_eq!(ramp(at, Duration::ZERO, at), (STEPS, None));
    }
}
