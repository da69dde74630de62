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
