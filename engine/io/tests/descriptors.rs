//! Tests that watch or limit the descriptors of the whole process; one at a time.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ringfence_io::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const DRIVERS: [DriverChoice; 3] = [
    DriverChoice::Native,
    DriverChoice::Monoio,
    DriverChoice::Epoll,
];

fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn on<T>(driver: DriverChoice, main: impl Future<Output = T>) -> T {
    run(
        &RunOptions {
            driver,
            ..RunOptions::default()
        },
        main,
    )
    .unwrap()
}

fn bind() -> ListenSocket {
    ListenSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 128, false).unwrap()
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn set_soft_limit(soft: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: soft,
            maximum,
        },
    )
    .unwrap();
}

#[test]
fn the_soft_limit_rises_to_the_hard_one() {
    let _alone = alone();
    set_soft_limit(Some(64));
    let limit = raise_nofile_limit().unwrap();
    assert_eq!(
        (limit.before, Some(limit.now)),
        (64, getrlimit(Resource::Nofile).current)
    );
    assert_eq!(
        getrlimit(Resource::Nofile).current,
        getrlimit(Resource::Nofile).maximum
    );
}

#[test]
fn out_of_descriptors_accepting_pauses_sheds_and_recovers() {
    let _alone = alone();
    for driver in DRIVERS {
        let before = stats();
        let socket = bind();
        let address = socket.local_addr();
        on(driver, async {
            let listener = Listener::new(socket).unwrap();
            let clients: Vec<_> = (0..40)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            let old = getrlimit(Resource::Nofile).current;
            let spent = cpu_time();
            // The lowest free descriptor is beyond the limit, so that none can be opened.
            let lowest = std::fs::File::open("/dev/null").unwrap();
            set_soft_limit(Some(std::os::fd::AsRawFd::as_raw_fd(&lowest) as u64));
            drop(lowest);
            assert!(
                timeout_at(now() + millis(400), listener.accept())
                    .await
                    .is_err()
            );
            set_soft_limit(old);
            assert!(
                cpu_time() - spent < millis(100),
                "spun for {:?}",
                cpu_time() - spent
            );
            let after = stats();
            assert!(
                (2..20).contains(&(after.accept_backoffs - before.accept_backoffs)),
                "{after:?}"
            );
            assert_eq!(after.accept_shed - before.accept_shed, 40, "{after:?}");
            drop(clients);
            let client = TcpStream::connect(address).unwrap();
            let recovered = timeout_at(now() + millis(2_000), listener.accept()).await;
            let stream = recovered
                .expect("accepting goes on")
                .expect("the listener is open");
            assert_eq!(stream.peer(), &Peer::Tcp(client.local_addr().unwrap()));
        });
    }
}

#[test]
fn a_listener_that_is_closed_while_out_of_descriptors_ends() {
    let _alone = alone();
    for driver in DRIVERS {
        on(driver, async {
            let listener = Listener::new(bind()).unwrap();
            let client = TcpStream::connect(listener.local_addr()).unwrap();
            let old = getrlimit(Resource::Nofile).current;
            set_soft_limit(Some(3));
            listener.close();
            let ended = timeout_at(now() + millis(2_000), listener.accept()).await;
            set_soft_limit(old);
            assert!(ended.expect("accept ends").is_none());
            drop(client);
        });
    }
}

#[test]
fn nothing_is_left_open() {
    let _alone = alone();
    for driver in DRIVERS {
        let at_start = open_descriptors();
        on(driver, async {
            let listener = Listener::new(bind()).unwrap();
            let address = listener.local_addr();
            churn(&listener, address).await;
            sleep(millis(20)).await;
            let settled = open_descriptors();
            for _ in 0..5 {
                churn(&listener, address).await;
            }
            sleep(millis(20)).await;
            assert_eq!(open_descriptors(), settled, "while the core runs");
        });
        assert_eq!(open_descriptors(), at_start, "after the core has ended");
    }
}

/// Connections that end in every way there is, among them receives and connects given up.
async fn churn(listener: &Listener, address: SocketAddr) {
    let endpoint = Endpoint::Tcp(address);
    for how in 0..6 {
        let client = Stream::connect(&endpoint).await.unwrap();
        let server = listener.accept().await.unwrap();
        match how {
            0 => drop((client, server)),
            1 => assert!(timeout_at(now() + millis(1), client.recv()).await.is_err()),
            2 => client.abort(),
            3 => drop(Stream::attach(client.detach().unwrap()).unwrap()),
            4 => spawn(async move {
                let _ = server.recv().await;
                panic!("the task that held it");
            }),
            _ => assert!(
                timeout_at(now() + millis(1), server.closed())
                    .await
                    .is_err()
            ),
        }
    }
    pass_on(listener, address).await;
    // A connection attempt that is given up: nobody answers at this address.
    let nowhere = Endpoint::Tcp("192.0.2.1:9".parse().unwrap());
    assert!(!matches!(
        timeout_at(now() + millis(1), Stream::connect(&nowhere)).await,
        Ok(Ok(_))
    ));
    while stats().tasks > 0 {
        sleep(millis(1)).await;
    }
}

/// Bytes that are passed on through pipes, which end empty and end full.
async fn pass_on(listener: &Listener, address: SocketAddr) {
    let endpoint = Endpoint::Tcp(address);
    let from = Stream::connect(&endpoint).await.unwrap();
    let source = listener.accept().await.unwrap();
    spawn(async move {
        let flood = Payload::Bytes(vec![7; 1 << 20].into());
        let _ = source.send(Outgoing::body(flood)).await;
    });
    let to = Stream::connect(&endpoint).await.unwrap();
    let _sink = listener.accept().await.unwrap();
    let mut sent = 0;
    while sent < 3 {
        match from.recv_piped(20_000).await.unwrap() {
            Received::Bytes(lease) => assert!(!lease.is_empty()),
            Received::Piped(pipe) => {
                sent += 1;
                if sent < 3 {
                    to.send_piped(pipe).await.unwrap();
                }
            }
        }
    }
}

#[test]
fn a_core_opens_no_more_pipes_than_it_may_and_none_where_no_descriptor_is_left() {
    let _alone = alone();
    for driver in DRIVERS {
        let options = RunOptions {
            driver,
            pipes: 2,
            ..RunOptions::default()
        };
        let at_start = open_descriptors();
        run(&options, async {
            let listener = Listener::new(bind()).unwrap();
            let mut ends = Vec::new();
            for _ in 0..4 {
                let endpoint = Endpoint::Tcp(listener.local_addr());
                let from = Stream::connect(&endpoint).await.unwrap();
                ends.push((from, listener.accept().await.unwrap()));
            }
            let old = getrlimit(Resource::Nofile).current;
            let lowest = std::fs::File::open("/dev/null").unwrap();
            set_soft_limit(Some(std::os::fd::AsRawFd::as_raw_fd(&lowest) as u64));
            drop(lowest);
            let held = hold_pipes(&ends).await;
            set_soft_limit(old);
            assert!(held.is_empty(), "none could be had");
            let before = open_descriptors();
            // It does not try again at once.
            sleep(millis(1_100)).await;
            let held = hold_pipes(&ends).await;
            assert_eq!((held.len(), open_descriptors()), (2, before + 4));
            drop(held);
            assert_eq!(open_descriptors(), before, "with bytes left in them");
        })
        .unwrap();
        assert_eq!(open_descriptors(), at_start, "after the core has ended");
    }
}

/// Receives on each connection until a pipe comes, or all that was sent.
async fn hold_pipes(ends: &[(Stream, Stream)]) -> Vec<Pipe> {
    const SENT: usize = 100_000;
    let mut held = Vec::new();
    for (from, source) in ends {
        let sent = Payload::Bytes(vec![7; SENT].into());
        source.send(Outgoing::body(sent)).await.unwrap();
        let mut left = SENT;
        while left > 0 {
            match from.recv_piped(left.max(20_000)).await.unwrap() {
                Received::Bytes(lease) => left -= lease.len(),
                Received::Piped(pipe) => {
                    left -= pipe.len();
                    held.push(pipe);
                }
            }
        }
    }
    held
}
