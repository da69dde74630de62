//! A defect that panics within one request costs that request, and nothing else.

mod worker;

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ringfence_config::{Action, Overrides, Plan, UpstreamId};
use ringfence_http::Reason;
use ringfence_io::RunOptions;
use ringfence_proxy::Order;
use worker::{ask, start};

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

#[test]
fn a_panic_costs_its_own_request_and_is_counted() {
    let (address, house, worker) = start(broken_plan(), RunOptions::default());
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
