//! Ejections, as they begin and end.

use crate::{notice::notice, scene::Shared};
use ringfence_balance::{Group, Server, ServerId};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

const PERIOD: Duration = Duration::from_secs(1);

/// Once a second: ends the ejections whose time is over, and says what began and ended.
pub(crate) async fn sweep(shared: Arc<Shared>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = HashMap::new();
    loop {
        ticks.tick().await;
        let now = (shared.clock)();
        let before = std::mem::take(&mut seen);
        for group in &shared.scene().roster.groups {
            for server in &group.servers {
                seen.insert(server.id, say_if_ejected(group, server, &before, now));
            }
            group.sweep(now, |ix, _| {
                let (name, label) = (&group.name, &group.servers[ix].label);
                notice(format_args!(
                    "upstream {name}: server {label} gets requests again after its ejection"
                ));
            });
        }
    }
}

/// Workers eject without a word, so it is the count that tells. Gives the count.
fn say_if_ejected(
    group: &Group,
    server: &Server,
    before: &HashMap<ServerId, u64>,
    now: Duration,
) -> u64 {
    let ejections = server.transitions().ejected;
    if ejections > before.get(&server.id).copied().unwrap_or(0) {
        let (name, label) = (&group.name, &server.label);
        let left = server.ejected_until(now).unwrap_or(now).saturating_sub(now);
        notice(format_args!(
            "upstream {name}: server {label} is ejected for its failures, {:.1} s left",
            left.as_secs_f64()
        ));
    }
    ejections
}
