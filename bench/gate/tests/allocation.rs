//! Once it is warm, a worker allocates nothing for a request, whichever driver it runs on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ringfence_gate::messages::{CACHED, Messages, RELAYED, VARYING, is_answer, is_request};
use ringfence_gate::worker;
use ringfence_io::{DriverChoice, RunOptions, probe_driver, run};
use ringfence_proxy::{Order, work};

/// Counts what all threads allocate. Those of this test, clients and servers, allocate nothing while it counts.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Requests before it counts: connections are made, and pools and tables have grown to their size.
const WARM_UP: usize = 200;

/// Requests while it counts.
const REQUESTS: usize = 1_000;

/// Connections that the requests come by in turn.
const CONNECTIONS: usize = 4;

const SERVERS: usize = 3;

/// Most blocks that may be allocated meanwhile by the clock: timers of monoio are, whatever the requests.
const BY_THE_CLOCK: u64 = REQUESTS as u64 / 10;

/// Runs one test at a time, since what they count is all that the process allocates.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_request_allocates_nothing_once_all_is_warm() {
    on_each_driver(|driver| nothing_is_allocated(driver, "relayed", RELAYED, false));
}

#[test]
fn a_hit_allocates_nothing() {
    on_each_driver(|driver| nothing_is_allocated(driver, "hit", CACHED, true));
}

#[test]
fn a_hit_that_depends_on_the_request_allocates_nothing() {
    on_each_driver(|driver| nothing_is_allocated(driver, "varying", VARYING, true));
}

fn on_each_driver(act: impl Fn(DriverChoice)) {
    let _alone = ALONE.lock();
    let mut ran = 0;
    for driver in [
        DriverChoice::Native,
        DriverChoice::Monoio,
        DriverChoice::Epoll,
    ] {
        match probe_driver(driver, RunOptions::default().ring_entries) {
            Ok(()) => {
                act(driver);
                ran += 1;
            }
            Err(why) => println!("left out, as there is no such driver here: {why}"),
        }
    }
    assert!(ran > 0, "no driver works here");
}

fn nothing_is_allocated(driver: DriverChoice, name: &str, messages: Messages, cache: bool) {
    let reached = Arc::new(AtomicUsize::new(0));
    let servers: Vec<SocketAddr> = (0..SERVERS)
        .map(|_| start_server(messages.response, &reached))
        .collect();
    let plan = worker::to_servers(&servers, cache);
    let (seed, address, house) = worker::seed(plan, worker::ANY_PORT).unwrap();
    let options = RunOptions {
        driver,
        ..RunOptions::default()
    };
    let proxy = thread::spawn(move || run(&options, work(seed)).unwrap());
    let mut clients: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    exchange(&mut clients, messages.request, WARM_UP);

    let file = format!("allocations-{name}-{driver:?}.json");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let profiler = dhat::Profiler::builder().testing().file_name(&file);
    let profiler = profiler.build();
    exchange(&mut clients, messages.request, REQUESTS);
    let blocks = dhat::HeapStats::get().total_blocks;
    // Where this fails, it writes that file.
    dhat::assert!(
        blocks < BY_THE_CLOCK,
        "{blocks} allocations in {REQUESTS} requests on {driver:?}; {} says where",
        file.display()
    );
    drop(profiler);

    drop(clients);
    house.posts[0].post(Order::Drain(Duration::from_secs(5)));
    proxy.join().unwrap();
    let expected = if cache { 1 } else { WARM_UP + REQUESTS };
    assert_eq!(reached.load(Ordering::Relaxed), expected, "{driver:?}");
}

/// A server that gives the same answer to every request, and counts them.
fn start_server(response: &'static [u8], reached: &Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reached = reached.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let reached = reached.clone();
            thread::spawn(move || {
                while receive(&mut stream, is_request) {
                    reached.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(response).unwrap();
                }
            });
        }
    });
    address
}

/// Asks by each connection in turn.
fn exchange(clients: &mut [TcpStream], request: &[u8], requests: usize) {
    for number in 0..requests {
        let client = &mut clients[number % CONNECTIONS];
        client.write_all(request).unwrap();
        assert!(receive(client, is_answer), "an answer is cut off");
    }
}

/// Receives until the message is whole; false where the peer has ended before. It allocates nothing.
fn receive(stream: &mut TcpStream, is_whole: fn(&[u8]) -> bool) -> bool {
    let (mut room, mut held) = ([0; 4096], 0);
    while !is_whole(&room[..held]) {
        match stream.read(&mut room[held..]) {
            Ok(0) | Err(_) => return false,
            Ok(n) => held += n,
        }
    }
    true
}
