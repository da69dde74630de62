//! A defect that panics within one request costs that request, and nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use ringfence_balance::{Limit, Resolved, Roster, StickySecret};
use ringfence_config::{Action, Overrides, Plan, UpstreamId};
use ringfence_http::Reason;
use ringfence_io::{ListenSocket, Postbox, RunOptions, mailbox, run};
use ringfence_proxy::{Adoption, Asked, HashSecret, House, Order, WorkerSeed, explain, work};
use ringfence_telemetry::{LogQueue, Registry};

const FILE: &str = "
[[listener]]
address = \"127.0.0.1:8080\"
[[route]]
path = \"/defect\"
upstream = \"app\"
[[route]]
path = \"/fine\"
respond = { status = 200, body = \"fine\" }
[upstream.app]
servers = [\"127.0.0.1:1\"]
";

/// A plan that breaks its own promise: a route leads to an upstream that is not there.
fn broken_plan() -> Arc<Plan> {
    let mut plan = Plan::load(FILE, "test.toml", &|_| None, &Overrides::default()).unwrap();
    plan.routes[0].action = Action::Upstream(UpstreamId(7));
    Arc::new(plan)
}

/// A worker on a thread of its own: its listener, its numbers, and the way to tell it to end.
fn start(plan: Arc<Plan>) -> (SocketAddr, Arc<House>, thread::JoinHandle<()>) {
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
        secret: HashSecret::new(&[7; 16]),
        purges: AtomicU64::new(0),
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
    let body = move || run(&RunOptions::default(), work(seed)).unwrap();
    (address, house, thread::spawn(body))
}

fn ask(stream: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 4096];
    let len = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..len]).into_owned()
}

#[test]
fn a_panic_costs_its_own_request_and_is_counted() {
    let (address, house, worker) = start(broken_plan());
    let stats = house.registry.worker(0);
    let mut beside = TcpStream::connect(address).unwrap();
    assert!(ask(&mut beside, "/fine").ends_with("fine"));

    let mut hit = TcpStream::connect(address).unwrap();
    assert_eq!(ask(&mut hit, "/defect"), "", "its connection ends");
    for _ in 0..3 {
        assert!(ask(&mut beside, "/fine").ends_with("fine"), "others go on");
    }
    let until = Instant::now() + Duration::from_secs(10);
    while stats.panics.get() == 0 {
        assert!(Instant::now() < until, "the panic is never counted");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(stats.refusals(Reason::Internal), 1);
    assert_eq!(stats.requests_in_flight.get(), 0);
    assert_eq!(stats.connections_active.get(), 1, "the one beside");
    assert_eq!(house.clients.active(), 1);

    house.posts[0].post(Order::Drain(Duration::from_secs(5)));
    worker.join().unwrap();
    assert_eq!(house.clients.active(), 0);
}

#[test]
fn a_panic_costs_an_explanation_and_no_worker() {
    let (address, house, worker) = start(broken_plan());
    let mut beside = TcpStream::connect(address).unwrap();
    assert!(ask(&mut beside, "/fine").ends_with("fine"));
    let asked = |path: &str| Asked {
        method: "GET".to_owned(),
        url: format!("http://h{path}"),
        fields: Vec::new(),
        peer: address.ip(),
    };
    let limit = Duration::from_secs(10);
    assert_eq!(
        explain(&house, &asked("/defect")).recv_timeout(limit),
        Err(RecvTimeoutError::Disconnected),
        "whoever asks hears that nothing comes"
    );
    assert!(explain(&house, &asked("/fine")).recv_timeout(limit).is_ok());
    assert!(ask(&mut beside, "/fine").ends_with("fine"), "it goes on");
    house.posts[0].post(Order::Drain(Duration::from_secs(5)));
    worker.join().unwrap();
}
