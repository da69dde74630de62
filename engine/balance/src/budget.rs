//! The retry budget: retries may be only a share of recent requests, so that they never multiply an outage.

use std::time::Duration;

use ringfence_config as config;

/// Length of the window that "recent" means, in seconds; one slot each.
const SECONDS: usize = 10;

/// Counts requests and retries of one group on one worker over the last ten seconds.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    share: f64,
    /// Retries that are always allowed in a window, so that quiet groups can retry too.
    floor: f64,
    slots: [Slot; SECONDS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    second: u64,
    requests: u32,
    retries: u32,
}

impl RetryBudget {
    /// One worker's part of the budget: `share` of its requests of the last ten seconds, and of the `min_per_second`
    /// that the process may always retry, what falls to one of `workers`.
    pub fn new(plan: &config::RetryBudget, workers: usize) -> Self {
        let floor = f64::from(plan.min_per_second) * SECONDS as f64 / workers.max(1) as f64;
        Self {
            share: plan.share,
            floor,
            slots: [Slot::default(); SECONDS],
        }
    }

    /// Counts a request (not a retry of one).
    pub fn record_request(&mut self, now: Duration) {
        let slot = self.slot(now);
        slot.requests = slot.requests.saturating_add(1);
    }

    /// Takes one retry from the budget; false if it is used up.
    pub fn try_retry(&mut self, now: Duration) -> bool {
        let (requests, retries) = self.recent(now);
        if retries as f64 + 1.0 > requests as f64 * self.share + self.floor {
            return false;
        }
        let slot = self.slot(now);
        slot.retries = slot.retries.saturating_add(1);
        true
    }

    /// Requests and retries of the last ten seconds.
    pub fn recent(&self, now: Duration) -> (u64, u64) {
        let newest = now.as_secs();
        let live = self
            .slots
            .iter()
            .filter(|slot| slot.second + SECONDS as u64 > newest);
        live.fold((0, 0), |sum, slot| {
            (
                sum.0 + u64::from(slot.requests),
                sum.1 + u64::from(slot.retries),
            )
        })
    }

    fn slot(&mut self, now: Duration) -> &mut Slot {
        let second = now.as_secs();
        let slot = &mut self.slots[(second % SECONDS as u64) as usize];
        if slot.second != second {
            *slot = Slot {
                second,
                ..Slot::default()
            };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(share: f64, min_per_second: u32, workers: usize) -> RetryBudget {
        RetryBudget::new(
            &config::RetryBudget {
                share,
                min_per_second,
            },
            workers,
        )
    }

    #[test]
    fn a_share_of_recent_requests_and_no_more() {
        let mut budget = budget(0.2, 0, 1);
        let now = Duration::from_secs(100);
        assert!(!budget.try_retry(now));
        (0..10).for_each(|_| budget.record_request(now));
        assert!(budget.try_retry(now) && budget.try_retry(now) && !budget.try_retry(now));
        assert_eq!(budget.recent(now), (10, 2));
        assert!(!budget.try_retry(Duration::from_secs(109)));
        assert_eq!(budget.recent(Duration::from_secs(110)), (0, 0));
    }

    #[test]
    fn the_floor_is_split_over_workers() {
        let mut budget = budget(0.0, 10, 4);
        let taken = (0..100)
            .filter(|_| budget.try_retry(Duration::from_secs(5)))
            .count();
        assert_eq!(taken, 25, "ten a second for ten seconds, a quarter of it");
    }

    proptest! {
        #[test]
        fn no_window_exceeds_the_budget(
            share in 0.0f64..1.0,
            floor in 0u32..5,
            steps in prop::collection::vec((0u64..2_000, any::<bool>()), 1..400),
        ) {
            let mut budget = budget(share, floor, 1);
            let (mut now, mut requests, mut retries) = (Duration::from_secs(7), Vec::new(), Vec::new());
            for (wait, retry) in steps {
                now += Duration::from_millis(wait);
                if !retry {
                    requests.push(now.as_secs());
                    budget.record_request(now);
                } else if budget.try_retry(now) {
                    retries.push(now.as_secs());
                    let recent = |all: &[u64]| all.iter().filter(|at| **at + 10 > now.as_secs()).count();
                    let most = recent(&requests) as f64 * share + f64::from(floor) * 10.0;
                    prop_assert!(recent(&retries) as f64 <= most);
                }
            }
        }
    }
}
