//! The configurations, shown instead of used.

use std::net::SocketAddr;
use std::path::Path;

use crate::ground::hand_out_cpus;
use crate::machine::{Cpus, raise_descriptor_limit};
use crate::options::Compare;
use crate::origin::place::{Place, addresses};
use crate::origin::{self, Kind};
use crate::peer::Peer;
use crate::peer::site::Site;
use crate::scenario::Scenario;

/// Prints every configuration that would be used.
pub(super) fn configs(options: &Compare, scenarios: &[&Scenario], allowed: &Cpus) {
    let (proxy_cpus, load_cpus) = hand_out_cpus(&options.run, allowed);
    let dir = Path::new("/tmp/ringfence-bench");
    let descriptors = raise_descriptor_limit();
    for scenario in scenarios {
        let scenario = &scenario.within(descriptors);
        let servers = addresses(scenario.servers, 18_000);
        let origins = scenario.origins(&options.origins);
        let mut peers: Vec<Peer> = options.run.peers.clone();
        peers
            .iter_mut()
            .for_each(|peer| *peer = peer.in_scenario(scenario));
        peers.retain(|peer| peer.cannot(scenario).is_none());
        for peer in &peers {
            let site = Site {
                dir,
                scenario,
                listen: SocketAddr::from(([127, 0, 0, 1], 18_001)),
                admin: SocketAddr::from(([127, 0, 0, 1], 18_002)),
                servers: &servers,
                cpus: &proxy_cpus,
                workers: options.run.workers,
                descriptors,
            };
            for file in peer.configs(&site) {
                println!(
                    "=== {} · {peer} · {}\n{}",
                    scenario.name, file.name, file.text
                );
            }
            let arguments: Vec<_> = peer
                .arguments(&site)
                .iter()
                .map(|text| text.to_string_lossy().into_owned())
                .collect();
            println!(
                "=== {} · {peer} · started with\n{}\n",
                scenario.name,
                arguments.join(" ")
            );
        }
        if origins.contains(&Kind::Nginx) {
            let place = Place {
                dir,
                addresses: &servers,
                cpus: &load_cpus,
                workers: options.run.workers,
                cacheable: scenario.cache.is_some(),
            };
            println!(
                "=== {} · origin · nginx.conf\n{}",
                scenario.name,
                origin::nginx::config(&place)
            );
        }
    }
}
