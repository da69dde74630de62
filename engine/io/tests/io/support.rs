//! What the tests share.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ringfence_io::*;

pub(crate) const LOCALHOST: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// No test takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const DRIVERS: [DriverChoice; 3] = [
    DriverChoice::Native,
    DriverChoice::Monoio,
    DriverChoice::Epoll,
];

/// Runs a test on each driver, and holds it to leaving nothing behind.
pub(crate) fn each(test: impl AsyncFn()) {
    for driver in DRIVERS {
        on(driver, async {
            timeout_at(now() + PATIENCE, test())
                .await
                .expect("the test ends in time");
        });
        let left = stats();
        assert_eq!(
            (left.tasks, left.streams, left.leases),
            (0, 0, 0),
            "left behind on {driver:?}"
        );
    }
}

pub(crate) fn on<T>(driver: DriverChoice, main: impl Future<Output = T>) -> T {
    run(
        &RunOptions {
            driver,
            ..RunOptions::default()
        },
        main,
    )
    .unwrap()
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn text(bytes: &[u8]) -> Outgoing {
    let mut head = Scratch::take();
    head.extend_from_slice(bytes);
    Outgoing::head(head)
}

/// A listener that this core serves.
pub(crate) fn listener() -> Listener {
    Listener::new(ListenSocket::bind(LOCALHOST, 64, false).unwrap()).unwrap()
}

/// A connection with both ends on this core.
pub(crate) async fn pair() -> (Stream, Stream) {
    let listener = listener();
    let client = Stream::connect(&Endpoint::Tcp(listener.local_addr()))
        .await
        .unwrap();
    let server = listener.accept().await.unwrap();
    (client, server)
}

/// A connection whose other end is a plain blocking socket.
pub(crate) async fn with_plain_peer() -> (Stream, TcpStream) {
    let origin = TcpListener::bind(LOCALHOST).unwrap();
    let stream = Stream::connect(&Endpoint::Tcp(origin.local_addr().unwrap()))
        .await
        .unwrap();
    let (peer, _) = origin.accept().unwrap();
    (stream, peer)
}

/// Receives until the peer ends its side.
pub(crate) async fn recv_all(stream: &Stream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let got = stream.recv_sized(256 << 10).await.unwrap();
        if got.is_empty() {
            return all;
        }
        all.extend_from_slice(&got);
    }
}

/// Receives until the connection ends, and gives it all back.
pub(crate) async fn echo(stream: Stream) {
    while let Ok(got) = stream.recv_sized(64 << 10).await {
        if got.is_empty()
            || stream
                .send(Outgoing::body(Payload::Lease(got)))
                .await
                .is_err()
        {
            break;
        }
    }
}

/// Bytes with no short period.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// Processor time that this thread has used.
pub(crate) fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}
