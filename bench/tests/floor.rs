//! The relays of the floor between our own load and our own origin.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ringfence_bench::load::Load;
use ringfence_bench::load::engine::{Seen, Task};
use ringfence_bench::load::order::Order;
use ringfence_bench::load::request::requests;
use ringfence_bench::machine::Cpus;
use ringfence_bench::origin::alone;
use ringfence_bench::{body, port, scenario};
use ringfence_floor::{Manner, Options};

/// How long each load runs.
const RUN: Duration = Duration::from_millis(300);

/// An address that nobody has.
fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port::free().unwrap()))
}

/// Runs `serve` on a thread for the rest of the process, until `address` can be connected to.
fn serving(address: SocketAddr, serve: impl FnOnce() + Send + 'static) -> SocketAddr {
    thread::spawn(serve);
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(1));
    }
    address
}

/// What a relay is told.
fn options(listen: SocketAddr, buffer: usize, manner: Manner) -> Options {
    Options {
        listen,
        workers: 1,
        cpus: Vec::new(),
        buffer,
        manner,
    }
}

/// A relay in front of our own origin.
fn relay(buffer: usize, manner: Manner) -> SocketAddr {
    let origin = address();
    serving(origin, move || alone::serve(&[origin], false).unwrap());
    let listen = address();
    serving(listen, move || {
        ringfence_floor::relay(&options(listen, buffer, manner), &[origin]).unwrap()
    })
}

/// Runs the load of a scenario.
fn run(name: &str, target: SocketAddr) -> (Seen, u64) {
    let scenario = scenario::find(name).unwrap();
    let requests = Arc::new(requests(scenario));
    let task = Task {
        target,
        requests,
        order: Order::InTurn,
        seed: 0,
        connections: 8,
        reconnect: scenario.reconnect,
        rate: None,
    };
    let load = Load::start(&task, 1, &Cpus::allowed().unwrap()).unwrap();
    load.open_window();
    thread::sleep(RUN);
    load.finish().unwrap()
}

/// Asserts that a scenario runs without a fault.
fn assert_right(name: &str, target: SocketAddr) {
    let (seen, answers) = run(name, target);
    assert_eq!(seen.faults.words(), "", "{name}");
    assert!(answers > 8, "{name}: {answers}");
}

/// Whether there is no ring here, which then is said instead of tested.
fn no_ring() -> bool {
    let why = ringfence_floor::probe().err();
    why.inspect(|why| println!("not tested, no io_uring: {why}"))
        .is_some()
}

#[test]
fn short_messages_are_relayed() {
    if no_ring() {
        return;
    }
    let relay = relay(4096, Manner::Short);
    assert_right("small", relay);
    assert_right("routes", relay);
}

/// Also where all receive buffers are in use, again and again.
#[test]
fn long_messages_are_relayed() {
    if no_ring() {
        return;
    }
    let relay = relay(1024 * 1024, Manner::Long);
    for name in ["64k", "1m", "upload"] {
        assert_right(name, relay);
    }
}

#[test]
fn long_messages_go_through_small_buffers() {
    if no_ring() {
        return;
    }
    assert_right("1m", relay(4096, Manner::Short));
    assert_right("upload", relay(4096, Manner::Short));
}

#[test]
fn connections_are_closed_after_their_answer() {
    if no_ring() {
        return;
    }
    assert_right("new", relay(4096, Manner::Close));
}

#[test]
fn memory_answers_by_itself() {
    if no_ring() {
        return;
    }
    for (name, manner) in [("small", Manner::Short), ("new", Manner::Close)] {
        let listen = address();
        let memory =
            move || ringfence_floor::memory(&options(listen, 4096, manner), body::of(128)).unwrap();
        assert_right(name, serving(listen, memory));
    }
}
