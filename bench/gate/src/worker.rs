//! The real request path, ready to run: a worker as the product starts it, with the product's defaults.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ringfence_balance::{Limit, Resolved, Roster, StickySecret};
use ringfence_config::{Overrides, Plan};
use ringfence_io::{ListenSocket, mailbox};
use ringfence_proxy::{Adoption, HashSecret, House, WorkerSeed};
use ringfence_telemetry::{LogQueue, Registry};

/// Any port that is free.
pub const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Idle connections to servers that are kept: more than there ever are.
const MOST_IDLE: usize = 1024;

/// Records of the access log that wait; there are none, as it is off by default.
const LOG_QUEUE: usize = 64;

/// The only worker of a plan, listening at `address`, and what it shares with the control side.
///
/// # Errors
/// What binding says.
pub fn seed(plan: Plan, address: SocketAddr) -> io::Result<(WorkerSeed, SocketAddr, Arc<House>)> {
    let plan = Arc::new(plan);
    let socket = ListenSocket::bind(address, 64, true)?;
    let bound = socket.local_addr();
    let (post, orders) = mailbox();
    let registry = Arc::new(Registry::new());
    let log = Arc::new(LogQueue::new(LOG_QUEUE, registry.worker(0)));
    let house = Arc::new(House {
        registry,
        posts: vec![post],
        logs: vec![log],
        most_clients: u32::MAX,
        most_idle: MOST_IDLE,
        most_spilled: MOST_IDLE,
        clients: Limit::new(),
        secret: HashSecret::new(&[7; 16]),
        purges: AtomicU64::new(0),
    });
    let secret = StickySecret([7; 16]);
    let roster = Roster::build(&plan.upstreams, &Resolved::default(), secret, None);
    let seed = WorkerSeed {
        index: 0,
        listeners: vec![socket],
        adoption: Adoption::new(plan, Arc::new(roster), MOST_IDLE, None),
        orders,
        house: house.clone(),
    };
    Ok((seed, bound, house))
}

/// A plan of one route to some servers, with a cache or without; all else is as it is without a word.
#[must_use]
pub fn to_servers(servers: &[SocketAddr], cache: bool) -> Plan {
    let servers: Vec<String> = servers.iter().map(|at| format!("\"{at}\"")).collect();
    let servers = servers.join(", ");
    plan(&format!(
        "[[route]]\nupstream = \"app\"\ncache = {cache}\n[upstream.app]\nservers = [{servers}]\n"
    ))
}

/// A plan of these routes.
///
/// # Panics
/// Where there is a mistake in them.
#[must_use]
pub fn plan(routes: &str) -> Plan {
    let text = format!("[[listener]]\naddress = \"127.0.0.1:8080\"\n{routes}");
    Plan::load(&text, "gate.toml", &|_| None, &Overrides::default())
        .unwrap_or_else(|error| panic!("{error}"))
}
