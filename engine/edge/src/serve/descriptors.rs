//! How many clients the limit on open descriptors leaves room for.

use ringfence_io::NofileLimit;

/// What the process needs for itself: standard streams, control plane, checks under way, logs.
const OWN: u64 = 64;
/// What each worker needs: its ring, its bell, a reserve.
const PER_WORKER: u64 = 8;
/// Fewer make no balancer; then it is the accept loop's back-off that copes.
const FEWEST: u64 = 16;

/// Most client connections, each of which may need another connection to a server. No limit that is known is none.
pub(crate) fn most_clients(
    nofile: &Result<NofileLimit, String>,
    workers: usize,
    listeners: usize,
) -> u32 {
    let Ok(limit) = nofile else {
        return u32::MAX;
    };
    // Each worker has a socket, and a reserve, for each listener.
    let own = OWN + workers as u64 * (PER_WORKER + 2 * listeners as u64);
    let room = limit.now.saturating_sub(own) / 2;
    u32::try_from(room.max(FEWEST)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(now: u64) -> u32 {
        most_clients(&Ok(NofileLimit { before: now, now }), 2, 1)
    }

    #[test]
    fn half_of_what_is_left_is_for_clients() {
        assert_eq!(most(1024), (1024 - 64 - 20) / 2);
        assert_eq!(most(10), 16);
        assert_eq!(most(u64::MAX), u32::MAX);
        assert_eq!(most_clients(&Err("unknown".to_owned()), 2, 1), u32::MAX);
    }
}
