//! What the limit on open descriptors leaves room for.

use ringfence_control::Crowd;
use ringfence_io::NofileLimit;

/// What the process needs for itself: standard streams, logs, the control plane's own.
const OWN: u64 = 48;
/// What each worker needs: its ring, its bell, a reserve.
const PER_WORKER: u64 = 8;
/// Fewer clients make no balancer; where even these are too many, it is the accept loop's back-off that copes.
const FEWEST: u64 = 4;

/// Where so many are left, clients get more than those that can all have a request with a server at the same time: of
/// thousands most are idle, and a request for which there is none left is refused for want of it.
const PLENTY: u64 = 8192;

/// Each slow reader of a large body holds one; for more of them bytes are copied.
const MOST_PIPES: usize = 128;

/// How many descriptors each use may take, so that none takes them from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Client connections. As many again may be needed for their requests to servers, where there are
    /// but few.
    pub(crate) clients: u32,
    /// Idle connections that each worker keeps to servers.
    pub(crate) idle: usize,
    /// Idle connections that wait between the workers.
    pub(crate) spilled: usize,
    /// Pipes of each worker, of two descriptors each.
    pub(crate) pipes: usize,
    /// What the control plane has open at once.
    pub(crate) crowd: Crowd,
}

impl Room {
    /// Divides what is allowed. No limit that is known is none.
    pub(crate) fn within(
        nofile: &Result<NofileLimit, String>,
        workers: usize,
        listeners: usize,
    ) -> Self {
        let allowed = nofile.as_ref().map_or(u64::MAX, |limit| limit.now);
        // Each worker has a socket, and a reserve, for each listener.
        let own = OWN + workers as u64 * (PER_WORKER + 2 * listeners as u64);
        let free = allowed.saturating_sub(own);
        let crowd = Crowd {
            guests: (free / 32).clamp(4, 256) as usize,
            checks: (free / 16).clamp(4, 512) as usize,
        };
        let share = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        let pipes = share(free / 64 / workers.max(1) as u64).min(MOST_PIPES);
        // The guests of two listeners: admin and control.
        let taken = 2 * crowd.guests + crowd.checks + 2 * pipes * workers;
        let left = free.saturating_sub(taken as u64);
        let fifths = if left < PLENTY { 2 } else { 3 };
        Self {
            clients: u32::try_from((left / 5 * fifths).max(FEWEST)).unwrap_or(u32::MAX),
            idle: share(left / 10 / workers.max(1) as u64),
            spilled: share(left / 10),
            pipes,
            crowd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(now: u64) -> Room {
        Room::within(&Ok(NofileLimit { before: now, now }), 2, 1)
    }

    #[test]
    fn all_uses_together_stay_within_the_limit() {
        for limit in [100, 160, 256, 1024, 4096, 65_536] {
            let Room {
                clients,
                idle,
                spilled,
                pipes,
                crowd,
            } = room(limit);
            let own = OWN + 2 * (PER_WORKER + 2);
            let busy = if limit < PLENTY { clients } else { clients / 3 };
            let used = own
                + u64::from(clients)
                + u64::from(busy)
                + (2 * idle + spilled + 2 * 2 * pipes + 2 * crowd.guests + crowd.checks) as u64;
            assert!(used <= limit, "{used} of {limit}");
            assert!(clients > 0);
        }
    }

    #[test]
    fn ten_thousand_idle_clients_need_no_twice_as_many_descriptors() {
        assert!(room(20_000).clients > 10_500);
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(room(u64::MAX).clients, u32::MAX);
        let unknown = Room::within(&Err("unknown".to_owned()), 2, 1);
        assert_eq!(unknown.clients, u32::MAX);
        assert_eq!(room(0).clients, FEWEST as u32);
    }
}
