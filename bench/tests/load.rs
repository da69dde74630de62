//! The load against servers that behave, and against servers that do not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ringfence_bench::load::Load;
use ringfence_bench::load::engine::{Seen, Task};
use ringfence_bench::load::idle::exchange;
use ringfence_bench::load::order::{Order, Zipf};
use ringfence_bench::load::request::{Request, requests};
use ringfence_bench::machine::Cpus;
use ringfence_bench::origin::count::Counter;
use ringfence_bench::origin::{Kind, alone};
use ringfence_bench::{body, port, scenario};

/// How long each load runs.
const RUN: Duration = Duration::from_millis(300);
/// A right answer.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n";

/// Runs the load of a scenario, changed by `change`, against `target`. Says what it saw and how many answers came.
fn run(name: &str, target: SocketAddr, change: impl Fn(&mut Task)) -> (Seen, u64) {
    let scenario = scenario::find(name).unwrap();
    let mut task = Task {
        target,
        requests: Arc::new(requests(scenario)),
        order: Order::InTurn,
        seed: 0,
        connections: 8,
        reconnect: scenario.reconnect,
        rate: None,
    };
    change(&mut task);
    let load = Load::start(&task, 1, &Cpus::allowed().unwrap()).unwrap();
    load.open_window();
    thread::sleep(RUN);
    load.finish().unwrap()
}

/// Our own origin, for the rest of the process.
fn origin() -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], port::free().unwrap()));
    thread::spawn(move || alone::serve(&[address], false));
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(1));
    }
    address
}

/// A server that does `act` with every connection, on a thread each.
fn server(act: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let act = act.clone();
            thread::spawn(move || act(stream));
        }
    });
    address
}

/// A server that answers each request with these bytes, and closes after each if it is told to.
fn answering(bytes: Vec<u8>, close: bool) -> SocketAddr {
    server(move |mut stream| {
        let mut request = [0; 4096];
        while stream.read(&mut request).is_ok_and(|count| count > 0) {
            if stream.write_all(&bytes).is_err() || close {
                return;
            }
        }
    })
}

/// The right answer to a small request.
fn right() -> Vec<u8> {
    [HEAD.as_bytes(), ringfence_bench::body::of(128)].concat()
}

#[test]
fn every_kind_of_exchange_succeeds() {
    let origin = origin();
    for name in ["small", "64k", "1m", "upload"] {
        let (seen, answers) = run(name, origin, |_| {});
        assert_eq!(seen.faults.words(), "", "{name}");
        assert!(answers > 0 && seen.latencies.count() > 0, "{name}");
    }
}

#[test]
fn objects_that_are_drawn_have_bodies_of_their_own() {
    let origin = origin();
    let mut counter = Counter::new(Kind::Alone, origin);
    let before = counter.count().unwrap();
    let (seen, answers) = run("mixed", origin, |task| {
        task.order = Order::Drawn(Arc::new(Zipf::new(task.requests.len(), 0.9)));
    });
    assert_eq!(seen.faults.words(), "");
    assert!(answers > 8, "{answers}");
    assert_eq!(counter.count().unwrap() - before, answers);
}

#[test]
fn all_ask_at_once_and_then_for_the_next() {
    let (seen, answers) = run("stampede", origin(), |task| task.order = Order::Waves);
    assert_eq!(seen.faults.words(), "");
    assert!(seen.waves > 0 && answers == seen.waves * 8, "{answers}");
}

/// The origin thinks about each for as long as it says, however many others it thinks about.
#[test]
fn a_slow_object_comes_when_it_is_due() {
    let slow = |request: &Request| {
        let begun = Instant::now();
        exchange(origin(), request).unwrap();
        begun.elapsed()
    };
    let requests = requests(scenario::find("stampede").unwrap());
    assert!(slow(&requests[0]) >= body::SLOW);
}

#[test]
fn a_connection_for_each_request_has_to_be_closed() {
    let (seen, answers) = run("new", answering(right(), true), |_| {});
    assert_eq!((seen.faults.words().as_str(), seen.reconnects), ("", 0));
    assert!(answers > 8);
}

#[test]
fn a_fixed_rate_is_kept() {
    let (seen, answers) = run("small", origin(), |task| task.rate = Some(2_000.0));
    assert_eq!(seen.faults.words(), "");
    let expected = 2_000.0 * RUN.as_secs_f64();
    assert!(
        (answers as f64) > expected * 0.8 && (answers as f64) < expected * 1.3,
        "{answers}"
    );
}

/// The loop looks around every 10 ms by itself: what is due must not wait for that.
#[test]
fn requests_leave_when_they_are_due() {
    let target = origin();
    let median = || {
        let (seen, _) = run("small", target, |task| task.rate = Some(1_000.0));
        seen.latencies.percentile(50.0).unwrap()
    };
    // On a busy machine one run may be late, but hardly all of them.
    assert!((0..5).any(|_| median() < 3_000_000));
}

/// One stall of 150 ms delays all that was due meanwhile, and every one of them has to show it.
#[test]
fn a_stall_shows_in_every_request_that_it_delayed() {
    let stalling = server(|mut stream| {
        let mut request = [0; 4096];
        let mut number = 0;
        while stream.read(&mut request).is_ok_and(|count| count > 0) {
            number += 1;
            if number == 50 {
                thread::sleep(Duration::from_millis(150));
            }
            if stream.write_all(&right()).is_err() {
                return;
            }
        }
    });
    let (seen, _) = run("small", stalling, |task| {
        task.connections = 1;
        task.rate = Some(1_000.0);
    });
    assert_eq!(seen.faults.words(), "");
    // Some 150 of 300 requests waited, on average half of the stall; without the correction only one would.
    assert!(seen.latencies.percentile(75.0).unwrap() > 30_000_000);
}

#[test]
fn wrong_answers_are_counted_as_what_they_are() {
    let mut wrong = right();
    *wrong.last_mut().unwrap() ^= 1;
    let cases = [
        (wrong, "wrong body"),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "status not 200",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "bad response head"),
    ];
    for (bytes, word) in cases {
        let (seen, answers) = run("small", answering(bytes, false), |_| {});
        assert!(
            seen.faults.words().ends_with(&format!("× {word}")),
            "{word}: {}",
            seen.faults.words()
        );
        assert_eq!((answers, seen.latencies.count()), (0, 0), "{word}");
    }
}

#[test]
fn a_connection_cut_short_is_a_fault() {
    let (seen, answers) = run("small", answering(HEAD.as_bytes().to_vec(), true), |_| {});
    assert!(
        seen.faults.words().contains("closed early"),
        "{}",
        seen.faults.words()
    );
    assert_eq!(answers, 0);
}

#[test]
fn nobody_there_is_a_fault() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], port::free().unwrap()));
    let (seen, answers) = run("small", nobody, |_| {});
    assert!(seen.faults.total() > 0);
    assert_eq!(answers, 0);
}
