//! The plan: what the file means, with every default filled in and every name resolved. Immutable.

pub mod cache;
pub mod client;
pub mod compress;
pub mod observe;
pub mod rewrite;
pub mod route;
pub mod tag;
pub mod template;
pub mod upstream;
pub mod warm;
pub mod workers;

use std::net::SocketAddr;

use crate::matching::RouteId;
use crate::plan::cache::CacheLimits;
use crate::plan::client::{ClientTimeouts, Forwarding, Limits, Listener};
use crate::plan::observe::{AccessLog, Admin, Expose, Resolver};
use crate::plan::route::Route;
use crate::plan::upstream::{Balance, Upstream, UpstreamId};
use crate::plan::warm::Warm;
use crate::plan::workers::Workers;
use crate::router::Router;
use crate::values::endpoint::ServerAddress;

/// A whole configuration, checked. Shared by all workers and replaced whole by a reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Threads, CPUs and rings.
    pub workers: Workers,
    /// Where clients connect; at least one, no address twice.
    pub listeners: Vec<Listener>,
    /// Every route, in file order; a [`RouteId`] is an index here.
    pub routes: Vec<Route>,
    /// Finds the route of a request.
    pub router: Router,
    /// Every upstream, in the order of their names; an [`UpstreamId`] is an index here.
    pub upstreams: Vec<Upstream>,
    /// What is asked for before a client asks, in file order.
    pub warms: Vec<Warm>,
    /// Time limits on the client's side of a connection.
    pub timeouts: ClientTimeouts,
    /// Size and rate limits on what clients send.
    pub limits: Limits,
    /// What the cache of the process may hold.
    pub cache: CacheLimits,
    /// Whom to believe about the client, and what to tell the servers.
    pub forwarding: Forwarding,
    /// Response headers that show how a request was served.
    pub expose: Expose,
    /// The access log.
    pub access_log: AccessLog,
    /// The admin listener and the control socket.
    pub admin: Admin,
    /// How server names are resolved.
    pub resolver: Resolver,
}

impl Plan {
    /// The route at `id`, which must have come from this plan's router.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }

    /// The upstream at `id`, which must have come from one of this plan's routes.
    #[must_use]
    pub fn upstream(&self, id: UpstreamId) -> &Upstream {
        &self.upstreams[id.index()]
    }
}

/// A plan without a file: everything that arrives at `from` is balanced over `to`.
#[derive(Debug, Clone, Default)]
pub struct Quick {
    /// Addresses to listen on.
    pub from: Vec<SocketAddr>,
    /// Servers; `FromStr` reads them as a file would write them: `127.0.0.1:3001`, `app.internal:8080`, `unix:/run/app.sock`.
    pub to: Vec<ServerAddress>,
    /// The balancer; `None` = the default one.
    pub balance: Option<Balance>,
}
