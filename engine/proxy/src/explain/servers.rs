//! Which server a request would go to, and why.

use std::time::Duration;

use ringfence_balance::{NoPick, Server as Candidate};
use ringfence_config::{Balance, HashKey};
use ringfence_http::Reason;
use ringfence_io::now;
use ringfence_telemetry::explain::{Pick, Server, Upstream};

use crate::exchange::Exchange;
use crate::stations::dial;

/// The request's upstream, and what this worker would pick of it.
pub(super) fn tell(ex: &Exchange<'_>) -> Upstream {
    let lane = ex.lane();
    let upstream = &lane.group.upstream;
    let now = now();
    Upstream {
        name: lane.group.name.clone(),
        balance: balance(upstream.balance, &upstream.hash_key),
        picks: vec![pick(ex)],
        servers: lane
            .group
            .servers
            .iter()
            .map(|server| about(server, now))
            .collect(),
    }
}

fn pick(ex: &Exchange<'_>) -> Pick {
    let lane = ex.lane();
    let servers = &lane.group.servers;
    let (server, why) = match lane.preview(&dial::want(ex)) {
        _ if lane.has_waiting() => (None, "it waits behind others for a place".to_owned()),
        Err(NoPick::Full) => (None, "all are full: it waits for a place".to_owned()),
        Err(NoPick::NoServer) => {
            let reason = Reason::NoServer;
            (
                None,
                format!("none is available: {}, {}", reason.status(), reason.word()),
            )
        }
        Ok(found) => {
            let server = &servers[found.ix];
            let why = match (found.is_stuck, server.is_available(now()), server.backup) {
                (true, ..) => "its cookie says so",
                (false, false, _) => "too few are well: all are used alike",
                (false, true, true) => "a backup, for want of others",
                (false, true, false) => "the next by the policy",
            };
            (Some(server.label.to_string()), why.to_owned())
        }
    };
    Pick {
        workers: vec![ex.conn.worker.index],
        server,
        why,
    }
}

fn balance(balance: Balance, key: &HashKey) -> String {
    match (balance, key) {
        (Balance::ConsistentHash, HashKey::Ip) => format!("{balance} of the client's address"),
        (Balance::ConsistentHash, HashKey::Header(name)) => {
            format!("{balance} of the header {name}")
        }
        (Balance::ConsistentHash, HashKey::Cookie(name)) => {
            format!("{balance} of the cookie {name}")
        }
        (Balance::ConsistentHash, HashKey::Path) => format!("{balance} of the path"),
        _ => balance.to_string(),
    }
}

fn about(server: &Candidate, now: Duration) -> Server {
    let state = match server.ejected_until(now) {
        _ if !server.is_up() => "down by its checks".to_owned(),
        Some(until) => {
            let left = until.saturating_sub(now).as_secs() + 1;
            format!("ejected for its failures, for {left} s more")
        }
        None if server.is_draining() => "draining".to_owned(),
        None if server.is_full() => format!("full, with {} requests", server.active()),
        None => "up".to_owned(),
    };
    Server {
        name: server.label.to_string(),
        address: server.endpoint.to_string(),
        weight: server.weight,
        backup: server.backup,
        state,
    }
}
