//! A worker on a thread of its own, over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use ringfence_balance::{Limit, Resolved, Roster, StickySecret};
use ringfence_config::Plan;
use ringfence_io::{ListenSocket, Postbox, RunOptions, mailbox, run};
use ringfence_proxy::{Adoption, House, Order, WorkerSeed, work};
use ringfence_telemetry::{LogQueue, Registry};

/// Its listener, its numbers, and the way to tell it to end.
pub(crate) fn start(
    plan: Arc<Plan>,
    options: RunOptions,
) -> (SocketAddr, Arc<House>, thread::JoinHandle<()>) {
    let (post, orders): (Postbox<Order>, _) = mailbox();
    let registry = Arc::new(Registry::new());
    let log = Arc::new(LogQueue::new(64, registry.worker(0)));
    let house = Arc::new(House {
        registry,
        posts: vec![post],
        logs: vec![log],
        most_clients: u32::MAX,
        most_idle: 16,
        most_spilled: 16,
        clients: Limit::new(),
    });
    let secret = StickySecret::of_text("test");
    let roster = Roster::build(&plan.upstreams, &Resolved::default(), secret, None);
    let socket = ListenSocket::bind(([127, 0, 0, 1], 0).into(), 16, false).unwrap();
    let address = socket.local_addr();
    let seed = WorkerSeed {
        index: 0,
        listeners: vec![socket],
        adoption: Adoption::new(plan, Arc::new(roster), 16, None),
        orders,
        house: house.clone(),
    };
    let body = move || run(&options, work(seed)).unwrap();
    (address, house, thread::spawn(body))
}

/// What is answered to a request for `path`; nothing where the connection ends instead.
pub(crate) fn ask(stream: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 4096];
    let len = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..len]).into_owned()
}
