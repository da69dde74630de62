//! All groups of a plan, built with the health of the servers that stay.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_config::{self as config, Endpoint, ServerAddress, Sticky, Upstream};

use crate::group::Group;
use crate::health::State;
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
    /// drain mark, id and count of exchanges; weights and limits are the plan's. A group in which nothing changed is the
    /// very same one, so workers can keep its pickers. Names that are not resolved give no
    /// server; an address that occurs twice in an upstream counts once, as its first mention says.
    /// `secret` is for sticky upstreams that configure none; it must be the same in every call.
    pub fn build(
        upstreams: &[Upstream],
        resolved: &Resolved,
        secret: StickySecret,
        previous: Option<&Roster>,
    ) -> Roster {
        let old = |name: &str| previous?.groups.iter().find(|group| group.name == name);
        let build = |upstream| build_group(upstream, resolved, secret, old(&upstream.name));
        Roster {
            groups: upstreams.iter().map(build).collect(),
        }
    }
}

fn build_group(
    upstream: &Upstream,
    resolved: &Resolved,
    secret: StickySecret,
    old: Option<&Arc<Group>>,
) -> Arc<Group> {
    let places = places(upstream, resolved);
    if let Some(old) = old.filter(|old| is_same(old, upstream, &places)) {
        return Arc::clone(old);
    }
    let shared = old.map_or_else(Arc::default, |group| Arc::clone(&group.shared));
    let kept: HashMap<&Endpoint, &Arc<State>> = old
        .iter()
        .flat_map(|group| &group.servers)
        .map(|server| (&server.endpoint, &server.state))
        .collect();
    let state = |endpoint: &Endpoint| match kept.get(endpoint) {
        Some(state) => Arc::clone(state),
        None => Arc::new(State::new(next_id(), Arc::clone(&shared))),
    };
    let servers = places.into_iter().map(|place| {
        let state = state(&place.endpoint);
        Arc::new(server(upstream, place, state))
    });
    let servers = servers.collect();
    let key = |sticky: &Sticky| {
        sticky
            .secret
            .as_ref()
            .map_or(secret, |text| StickySecret::of_text(&text.0))
    };
    let sticky = upstream.sticky.as_ref().map(key);
    Arc::new(Group::new(upstream, servers, shared, sticky))
}

/// Whether nothing changed, so that workers may keep their pickers.
fn is_same(old: &Group, upstream: &Upstream, places: &[Place<'_>]) -> bool {
    let endpoints = places.iter().map(|place| &place.endpoint);
    old.upstream == *upstream
        && old
            .servers
            .iter()
            .map(|server| &server.endpoint)
            .eq(endpoints)
}

fn server(upstream: &Upstream, place: Place<'_>, state: Arc<State>) -> Server {
    let spec = place.spec;
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
        drain: spec.drain,
        max_connections: spec.max_connections,
        rise_fall: upstream
            .check
            .as_ref()
            .map(|check| (check.rise, check.fall)),
        state,
    }
}

/// One address of a server of the plan.
struct Place<'a> {
    spec: &'a config::Server,
    endpoint: Endpoint,
    /// Whether the server has no other address.
    alone: bool,
}

/// All addresses of all servers, each once.
fn places<'a>(upstream: &'a Upstream, resolved: &Resolved) -> Vec<Place<'a>> {
    let mut seen = HashSet::new();
    let mut places = Vec::new();
    for spec in &upstream.servers {
        let endpoints = endpoints(&spec.address, resolved);
        let alone = endpoints.len() == 1;
        let new = endpoints
            .into_iter()
            .filter(|endpoint| seen.insert(endpoint.clone()));
        places.extend(new.map(|endpoint| Place {
            spec,
            endpoint,
            alone,
        }));
    }
    places
}

fn endpoints(address: &ServerAddress, resolved: &Resolved) -> Vec<Endpoint> {
    match address {
        ServerAddress::Fixed(endpoint) => vec![endpoint.clone()],
        ServerAddress::Name { host, port } => {
            let endpoint = |ip: &IpAddr| Endpoint::Tcp(SocketAddr::new(*ip, *port));
            resolved.get(host, *port).iter().map(endpoint).collect()
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
