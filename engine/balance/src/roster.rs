//! All groups of a plan, built with the health of the servers that stay.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_config::{self as config, Endpoint, ServerAddress, Sticky, Upstream};

use crate::group::Group;
use crate::health::{Shared, State};
use crate::server::{Server, ServerId};
use crate::sticky::StickySecret;

/// The groups of all upstreams; the index is the upstream's id.
#[derive(Debug, Clone)]
pub struct Roster {
    /// In the order of the plan's upstreams.
    pub groups: Vec<Arc<Group>>,
}

/// What the names in the plan resolve to now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved(HashMap<(String, u16), Vec<IpAddr>>);

impl Resolved {
    /// Sets the addresses of a name and port; a name without addresses has no server.
    pub fn insert(&mut self, host: &str, port: u16, addresses: Vec<IpAddr>) {
        self.0.insert((host.to_owned(), port), addresses);
    }

    /// The addresses of a name and port; none if it was never resolved.
    pub fn get(&self, host: &str, port: u16) -> &[IpAddr] {
        self.0
            .get(&(host.to_owned(), port))
            .map_or(&[], Vec::as_slice)
    }
}

impl Roster {
    /// Builds the groups. A server with the same upstream name and address as one in `previous` keeps its health,
    /// drain mark, id and count of exchanges; weights and limits are the plan's. Names that are not resolved give no
    /// server; an address that occurs twice in an upstream counts once, as its first mention says.
    /// A group that comes out as it was is the one in `previous`, so that pickers for it live on.
    /// `secret` is for sticky upstreams that configure none; it must be the same in every call.
    pub fn build(
        upstreams: &[Upstream],
        resolved: &Resolved,
        secret: StickySecret,
        previous: Option<&Roster>,
    ) -> Roster {
        let old = |name: &str| previous?.groups.iter().find(|group| group.name == name);
        let build = |upstream: &Upstream| {
            let old = old(&upstream.name);
            let new = build_group(upstream, resolved, secret, old);
            match old {
                Some(old) if is_same(old, &new) => Arc::clone(old),
                _ => Arc::new(new),
            }
        };
        Roster {
            groups: upstreams.iter().map(build).collect(),
        }
    }
}

/// The same settings for the same servers in the same order: a server's id stands for its address.
fn is_same(old: &Group, new: &Group) -> bool {
    let ids = |group: &Group| {
        group
            .servers
            .iter()
            .map(|server| server.id)
            .collect::<Vec<_>>()
    };
    old.upstream == new.upstream && ids(old) == ids(new)
}

fn build_group(
    upstream: &Upstream,
    resolved: &Resolved,
    secret: StickySecret,
    old: Option<&Arc<Group>>,
) -> Group {
    let shared = old.map_or_else(
        || Arc::new(Shared::new()),
        |group| Arc::clone(&group.shared),
    );
    let kept: HashMap<&Endpoint, &Arc<State>> = old
        .iter()
        .flat_map(|group| &group.servers)
        .map(|server| (&server.endpoint, &server.state))
        .collect();
    let mut seen = HashSet::new();
    let mut servers = Vec::new();
    for spec in &upstream.servers {
        for place in places(&spec.address, resolved) {
            if seen.insert(place.endpoint.clone()) {
                let state = kept.get(&place.endpoint).map(|state| Arc::clone(state));
                let state =
                    state.unwrap_or_else(|| Arc::new(State::new(next_id(), Arc::clone(&shared))));
                servers.push(Arc::new(server(upstream, spec, place, state)));
            }
        }
    }
    let key = |sticky: &Sticky| {
        sticky
            .secret
            .as_ref()
            .map_or(secret, |text| StickySecret::of_text(&text.0))
    };
    Group::new(upstream, servers, shared, upstream.sticky.as_ref().map(key))
}

fn server(upstream: &Upstream, spec: &config::Server, place: Place, state: Arc<State>) -> Server {
    let label = match &spec.label {
        Some(label) if place.alone => label.clone(),
        Some(label) => format!("{label} {}", place.endpoint),
        None => place.endpoint.to_string(),
    };
    Server {
        id: ServerId(state.id),
        label: label.into(),
        endpoint: place.endpoint,
        weight: spec.weight.max(1),
        backup: spec.backup,
        max_connections: spec.max_connections,
        rise_fall: upstream
            .check
            .as_ref()
            .map(|check| (check.rise, check.fall)),
        state,
    }
}

/// One address of a server as the plan names it, and whether it is the only one.
struct Place {
    endpoint: Endpoint,
    alone: bool,
}

fn places(address: &ServerAddress, resolved: &Resolved) -> Vec<Place> {
    match address {
        ServerAddress::Fixed(endpoint) => vec![Place {
            endpoint: endpoint.clone(),
            alone: true,
        }],
        ServerAddress::Name { host, port } => {
            let addresses = resolved.get(host, *port);
            let alone = addresses.len() == 1;
            let place = |ip: &IpAddr| Place {
                endpoint: Endpoint::Tcp(SocketAddr::new(*ip, *port)),
                alone,
            };
            addresses.iter().map(place).collect()
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
