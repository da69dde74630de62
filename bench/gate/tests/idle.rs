//! What a connection that waits for its next request costs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use ringfence_gate::worker;
use ringfence_io::{DriverChoice, RunOptions, probe_driver, run};
use ringfence_proxy::{Order, work};

/// Counts what all threads hold. The client's connections are no memory of the process.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Connections that lie idle: a few less than a power of two, up to which tables grow.
const MANY: usize = 1000;

const ROUTES: &str = "[[route]]\nrespond = { status = 200, body = \"fine\" }\n";

/// A connection with one exchange behind it.
fn idle(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut answer = [0; 4096];
    let len = stream.read(&mut answer).unwrap();
    assert!(answer[..len].ends_with(b"fine"));
    stream
}

/// Bytes that a worker of that driver holds for each idle connection.
fn bytes_each(driver: DriverChoice) -> usize {
    let (seed, address, house) = worker::seed(worker::plan(ROUTES), worker::ANY_PORT).unwrap();
    let options = RunOptions {
        driver,
        ..RunOptions::default()
    };
    let worker = thread::spawn(move || run(&options, work(seed)).unwrap());
    drop((0..8).map(|_| idle(address)).collect::<Vec<_>>());
    let mut held = Vec::with_capacity(MANY);
    let profiler = dhat::Profiler::builder().testing().build();
    held.extend((0..MANY).map(|_| idle(address)));
    let bytes = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    house.posts[0].post(Order::Drain(Duration::ZERO));
    worker.join().unwrap();
    bytes / MANY
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
