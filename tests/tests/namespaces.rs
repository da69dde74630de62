//! Faults of the network itself, between the balancer and its servers, in namespaces of the test's
//! own: packets lost, a server swallowed, resets from a middle box, a cable pulled.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringfence_tests::load::Shape;
use ringfence_tests::namespace::{Cable, SIDE_A, SIDE_B, inside};
use ringfence_tests::{Launch, Load, Origin, Response, Ringfence, eventually, get};

struct Network {
    cable: Cable,
    ringfence: Ringfence,
    _servers: Vec<Origin>,
}

const PORTS: [u16; 2] = [3001, 3002];

/// Two servers on the far side, the balancer on the near one.
fn network(upstream: &str) -> Option<Network> {
    let cable = Cable::lay()?;
    let servers = PORTS.iter().map(|&port| {
        let address = SocketAddr::from((SIDE_B, port));
        inside(&cable.b(), move || {
            Origin::kit_on(&port.to_string(), address)
        })
    });
    let servers: Vec<Origin> = servers.collect();
    let config = format!(
        "[[listener]]\naddress = \"10.77.0.1:8080\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"10.77.0.2:3001\", \"10.77.0.2:3002\"]\n{upstream}\n"
    );
    let ringfence = Launch::config(&config).in_namespace(&cable.a()).start();
    Some(Network {
        cable,
        ringfence,
        _servers: servers,
    })
}

impl Network {
    fn get(&self, path: &'static str) -> Response {
        inside(&self.cable.a(), move || {
            get(SocketAddr::from((SIDE_A, 8080)), path)
        })
    }

    fn seen(&self) -> BTreeSet<String> {
        (0..8)
            .map(|_| {
                let answer = self.get("/");
                match answer.status {
                    200 => answer.origin().to_string(),
                    status => status.to_string(),
                }
            })
            .collect()
    }

    fn load(&self, shapes: Vec<Shape>) -> Load {
        inside(&self.cable.a(), move || {
            Load::start(SocketAddr::from((SIDE_A, 8080)), shapes)
        })
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

const QUICK: &str = "timeouts = { connect = \"300ms\", first_byte = \"1s\" }\nretry = { on = [\"connect\", \"reset\", \"timeout\"] }\n\
    retry_budget = { share = 1.0, min_per_second = 1000 }\n\
    check = { type = \"tcp\", interval = \"200ms\", timeout = \"200ms\", rise = 1, fall = 2 }";

#[test]
fn a_swallowed_server_fails_no_request_and_is_left_out() {
    let Some(network) = network(QUICK) else {
        return;
    };
    eventually("both serve", || network.seen() == set(&["3001", "3002"]));
    let load = network.load(vec![Shape::get("/").every(Duration::from_millis(20)); 4]);
    std::thread::sleep(Duration::from_millis(300));
    network.cable.swallows(3001);
    eventually("it is left out", || network.seen() == set(&["3002"]));
    network.cable.heals();
    eventually("it comes back", || network.seen() == set(&["3001", "3002"]));
    load.stop().is_clean();
}

#[test]
fn resets_from_the_middle_fail_no_request() {
    let Some(network) = network(QUICK) else {
        return;
    };
    let load = network.load(vec![Shape::get("/").every(Duration::from_millis(10)); 4]);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(300));
        network.cable.resets(3002);
        std::thread::sleep(Duration::from_millis(500));
        network.cable.heals();
    }
    eventually("both serve again", || {
        network.seen() == set(&["3001", "3002"])
    });
    load.stop().is_clean();
}

#[test]
fn lost_packets_slow_requests_down_and_fail_none() {
    let patient =
        "timeouts = { connect = \"10s\", first_byte = \"10s\" }\ncheck = \"off\"\nejection = false";
    let Some(network) = network(patient) else {
        return;
    };
    network.cable.loses(10);
    let load = network.load(vec![
        Shape::get("/bytes/20000")
            .every(Duration::from_millis(20));
        4
    ]);
    std::thread::sleep(Duration::from_secs(4));
    network.cable.heals();
    let report = load.stop();
    report.is_clean();
    assert!(report.good > 20, "{}", report.good);
}

#[test]
fn a_pulled_cable_is_answered_in_time_and_healed_from() {
    let Some(network) = network(QUICK) else {
        return;
    };
    eventually("both serve", || network.seen() == set(&["3001", "3002"]));
    network.cable.is_pulled();
    let start = Instant::now();
    let answer = network.get("/");
    assert!(matches!(answer.status, 502..=504), "{}", answer.status);
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    network.cable.heals();
    eventually("both serve again", || {
        network.seen() == set(&["3001", "3002"])
    });
    network.ringfence.signal(rustix::process::Signal::TERM);
    let mut ringfence = network.ringfence;
    assert!(ringfence.ends().success());
}
