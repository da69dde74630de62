//! Upstreams to test with, as a plan has them.

use std::time::Duration;

use ringfence_config::*;

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A plain server on a port of its own.
pub(crate) fn server(port: u16) -> Server {
    Server {
        address: ServerAddress::Fixed(Endpoint::Tcp(([127, 0, 0, 1], port).into())),
        label: None,
        weight: 1,
        backup: false,
        drain: false,
        max_connections: None,
    }
}

/// One failed check takes a server down, three failures in a row eject it, there is no panic.
pub(crate) fn upstream(balance: Balance, servers: Vec<Server>) -> Upstream {
    Upstream {
        name: "app".into(),
        servers,
        balance,
        hash_key: HashKey::Ip,
        check: Some(Check {
            kind: CheckKind::Tcp,
            interval: s(2),
            timeout: s(1),
            rise: 1,
            fall: 1,
            jitter: 0.0,
        }),
        ejection: Ejection {
            consecutive_failures: Some(3),
            failure_rate: None,
            window: s(10),
            min_requests: 10,
            base_time: s(30),
            max_time: s(300),
            max_share: 0.5,
            panic_threshold: 0.0,
        },
        sticky: None,
        queue: Queue {
            size: 0,
            timeout: s(1),
        },
        slow_start: Duration::ZERO,
        pool: Pool {
            size: 8,
            idle_timeout: s(60),
            max_age: None,
            max_requests: None,
        },
        retry_budget: RetryBudget {
            share: 0.2,
            min_per_second: 10,
        },
        host: None,
    }
}
