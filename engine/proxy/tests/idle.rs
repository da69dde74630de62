//! What a connection that waits for its next request costs.

mod worker;

use std::alloc::System;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ringfence_config::{DriverChoice, Overrides, Plan};
use ringfence_io::{RunOptions, probe_driver};
use ringfence_proxy::Order;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use worker::{ask, start};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Connections that lie idle: a few less than a power of two, up to which tables grow.
const MANY: usize = 1000;

const FILE: &str = "
[[listener]]
address = \"127.0.0.1:8080\"
[[route]]
respond = { status = 200, body = \"fine\" }
";

/// A connection with one exchange behind it.
fn idle(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    assert!(ask(&mut stream, "/").ends_with("fine"));
    stream
}

/// Bytes that a worker of that driver has allocated for each idle connection.
fn bytes_each(driver: DriverChoice) -> isize {
    let plan = Plan::load(FILE, "test.toml", &|_| None, &Overrides::default()).unwrap();
    let options = RunOptions {
        driver,
        ..RunOptions::default()
    };
    let (address, house, worker) = start(Arc::new(plan), options);
    drop((0..8).map(|_| idle(address)).collect::<Vec<_>>());
    let mut held = Vec::with_capacity(MANY);
    let region = Region::new(ALLOCATOR);
    held.extend((0..MANY).map(|_| idle(address)));
    let change = region.change();
    house.posts[0].post(Order::Drain(Duration::ZERO));
    worker.join().unwrap();
    (change.bytes_allocated as isize - change.bytes_deallocated as isize) / MANY as isize
}

#[test]
fn an_idle_connection_costs_little_memory() {
    for (driver, most) in [
        (DriverChoice::Native, 768),
        (DriverChoice::Monoio, 1536),
        (DriverChoice::Epoll, 768),
    ] {
        let Ok(()) = probe_driver(driver, 256) else {
            continue;
        };
        let each = bytes_each(driver);
        println!("{driver:?}: {each} bytes");
        assert!(each <= most, "{driver:?}: {each} bytes, of {most}");
    }
}
