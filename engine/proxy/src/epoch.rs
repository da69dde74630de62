//! What one worker derived from one adoption; requests keep the one that they began with.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use ringfence_balance::{Group, Server, ServerId, hash_key};
use ringfence_config::{Action, LogFormat, Plan, Route, Upstream, UpstreamId};
use ringfence_http::HeadLimits;
use ringfence_telemetry::RouteStats;

use crate::holdings::Holders;
use crate::house::{Adoption, House};
use crate::lane::Lane;
use crate::pool::{Berth, Spill};
use crate::rendered::Rendered;
use crate::share::share;

/// A plan, ready to be served by one worker.
pub(crate) struct Epoch {
    pub(crate) adoption: Arc<Adoption>,
    pub(crate) plan: Arc<Plan>,
    /// One lane an upstream, by its id.
    pub(crate) lanes: Vec<Rc<Lane>>,
    /// One block a route, by its id.
    pub(crate) routes: Vec<Arc<RouteStats>>,
    /// For requests that no route took.
    pub(crate) unrouted: Arc<RouteStats>,
    /// What sets a route's stored responses apart from those of others, by its id.
    pub(crate) realms: Vec<u64>,
    /// What its stored responses are counted with.
    pub(crate) holders: Holders,
    pub(crate) head_limits: HeadLimits,
    /// Heads of hits.
    pub(crate) rendered: Rendered,
    /// Client connections that all workers together serve at once.
    pub(crate) most_clients: u32,
    /// Bytes of receive buffers that this worker may have in use.
    pub(crate) most_held: usize,
    /// Idle connections that this worker keeps to a server, by upstream.
    pool_rooms: Vec<usize>,
    /// What cores have to spare of idle connections, by upstream and the server's index in its group.
    spills: Vec<Vec<Arc<Spill>>>,
    /// The upstream of each server, and its index there.
    homes: HashMap<ServerId, (UpstreamId, usize)>,
}

/// The name under which metrics show requests that no route took.
const UNROUTED: &str = "(none)";

impl Epoch {
    /// Prepares an adoption. Lanes of upstreams that did not change are taken over, so that
    /// what they know of requests in flight is not forgotten.
    pub(crate) fn new(
        adoption: Arc<Adoption>,
        house: &Arc<House>,
        worker: usize,
        previous: Option<&Epoch>,
    ) -> Rc<Self> {
        let plan = adoption.plan.clone();
        let workers = house.posts.len();
        let lane = |group: &Arc<Group>| {
            let old = previous.and_then(|epoch| {
                epoch
                    .lanes
                    .iter()
                    .find(|lane| lane.group.name == group.name)
            });
            match old {
                Some(lane) if Arc::ptr_eq(&lane.group, group) => lane.clone(),
                old => Rc::new(Lane::new(
                    group.clone(),
                    house.clone(),
                    worker,
                    old.map(Rc::as_ref),
                )),
            }
        };
        let lanes = adoption.roster.groups.iter().map(lane).collect();
        let routes: Vec<_> = plan
            .routes
            .iter()
            .map(|route| house.registry.route(worker, &route.name))
            .collect();
        let unrouted = house.registry.route(worker, UNROUTED);
        let limits = &plan.limits;
        let head_limits = HeadLimits {
            max_line: limits.max_line,
            max_head: limits.max_head,
            max_fields: limits.max_fields,
        };
        let room = |upstream: &Upstream| share(upstream.pool.size, workers, worker);
        Rc::new(Self {
            lanes,
            holders: Holders::new(&plan, &routes, unrouted.clone()),
            routes,
            realms: plan
                .routes
                .iter()
                .map(|route| realm(&plan, route))
                .collect(),
            unrouted,
            head_limits,
            rendered: Rendered::new(),
            most_clients: plan.workers.max_connections.min(house.most_clients),
            most_held: usize::try_from(plan.limits.max_buffers).unwrap_or(usize::MAX)
                / workers.max(1),
            pool_rooms: plan.upstreams.iter().map(room).collect(),
            spills: spills(&adoption),
            homes: homes(&adoption),
            plan,
            adoption,
        })
    }

    /// Whether exchanges are logged.
    pub(crate) fn logs(&self) -> bool {
        self.plan.access_log.format != LogFormat::Off
    }

    /// How the pool sees the server with that index in its upstream's group.
    pub(crate) fn berth(&self, upstream: UpstreamId, ix: usize) -> Berth<'_> {
        Berth {
            server: self.lanes[upstream.index()].group.servers[ix].id,
            spill: &self.spills[upstream.index()][ix],
            policy: &self.plan.upstream(upstream).pool,
        }
    }

    /// How the pool sees a server; nothing for one that has left the plan.
    pub(crate) fn berth_of(&self, server: ServerId) -> Option<Berth<'_>> {
        let (upstream, ix) = *self.homes.get(&server)?;
        Some(self.berth(upstream, ix))
    }

    /// Idle connections that this worker keeps to each server of an upstream.
    pub(crate) fn pool_room(&self, upstream: UpstreamId) -> usize {
        self.pool_rooms[upstream.index()]
    }
}

/// Tells apart what is asked by different routes, of different upstreams or in different ways: it stays the same over a reload that changes
/// none of that.
fn realm(plan: &Plan, route: &Route) -> u64 {
    let (Action::Upstream(upstream), Some(_)) = (&route.action, &route.cache) else {
        return 0;
    };
    let upstream = plan.upstream(*upstream);
    let asked = (
        &route.matcher,
        &upstream.name,
        &upstream.host,
        &route.rewrite,
        &route.request_headers,
        &route.cache,
    );
    hash_key(format!("{asked:?}").as_bytes())
}

fn spills(adoption: &Adoption) -> Vec<Vec<Arc<Spill>>> {
    let of = |server: &Arc<Server>| adoption.spill(server.id).clone();
    let groups = adoption.roster.groups.iter();
    groups
        .map(|group| group.servers.iter().map(of).collect())
        .collect()
}

fn homes(adoption: &Adoption) -> HashMap<ServerId, (UpstreamId, usize)> {
    let groups = adoption.roster.groups.iter().zip(0..);
    groups
        .flat_map(|(group, at)| {
            let servers = group.servers.iter().enumerate();
            servers.map(move |(ix, server)| (server.id, (UpstreamId(at), ix)))
        })
        .collect()
}
