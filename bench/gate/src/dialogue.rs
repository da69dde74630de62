//! A fixed number of exchanges through the real request path, on the simulated network and its clock: the same bytes in
//! the same order each time. Only the worker's turns are counted; clients and servers have their own.

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ringfence_config::Endpoint;
use ringfence_io::sim::{Simulation, Weather};
use ringfence_io::{ListenSocket, Listener, Outgoing, Scratch, Stream, spawn};
use ringfence_proxy::work;

use crate::messages::{REQUEST, RESPONSE, is_answer, is_request};
use crate::worker;

/// Requests that are counted.
pub const REQUESTS: usize = 1_000;

/// Requests before those: connections are made, and pools and tables have grown to their size.
const WARM_UP: usize = 200;

/// Connections on which clients ask at the same time.
const CONNECTIONS: usize = 4;

/// What is left to chance follows from this.
const SEED: u64 = 1;

/// Where the proxy is.
const DOOR: SocketAddr = at([127, 0, 0, 1], 8080);

/// Where the servers are.
const SERVERS: [SocketAddr; 3] = [
    at([10, 0, 0, 1], 80),
    at([10, 0, 0, 2], 80),
    at([10, 0, 0, 3], 80),
];

const fn at([a, b, c, d]: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

thread_local! {
    /// The warm-up is over.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

/// Holds the dialogue from its first connection to the last of [`REQUESTS`] answers. Answers the requests that the
/// worker has served, those of the warm-up included.
///
/// # Panics
/// Where anything is not as it should be: a wrong answer, a refused connection, a world that stands still.
#[must_use]
pub fn hold() -> u64 {
    let mut world = Simulation::new(SEED, Weather::fair());
    for server in SERVERS {
        world.start(serve(server));
    }
    let (seed, _, house) =
        worker::seed(worker::to_servers(&SERVERS), DOOR).expect("the address is free");
    world.start_watched(work(seed), turn);
    let client = world.start(ask());
    while world.left(client).is_none() {
        assert!(world.step(), "the dialogue stands still");
    }
    house.registry.worker(0).requests.get()
}

/// A turn of the worker.
fn turn(task: &mut dyn FnMut()) {
    match COUNTS.get() {
        true => counted_turn(task),
        false => task(),
    }
}

/// A turn of the worker that counts. It is a function of its own for callgrind to know it by.
#[inline(never)]
fn counted_turn(task: &mut dyn FnMut()) {
    task();
    // Something is left to do after the call, so that it stays one.
    black_box(());
}

/// All clients: a request on each connection, then the answer on each.
async fn ask() {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = Stream::connect(&Endpoint::Tcp(DOOR)).await;
        streams.push(stream.expect("the proxy listens"));
    }
    let mut held = Vec::with_capacity(RESPONSE.len() * 2);
    for round in 0..(WARM_UP + REQUESTS) / CONNECTIONS {
        COUNTS.set(round >= WARM_UP / CONNECTIONS);
        for stream in &streams {
            say(stream, REQUEST).await;
        }
        for stream in &streams {
            assert!(hear(stream, &mut held, is_answer).await, "{held:?}");
        }
    }
    COUNTS.set(false);
}

/// A server: the same answer to every request.
async fn serve(address: SocketAddr) {
    let socket = ListenSocket::bind(address, 64, false).expect("the address is free");
    let listener = Listener::new(socket).expect("it is a listener");
    while let Some(stream) = listener.accept().await {
        spawn(async move {
            let mut held = Vec::with_capacity(REQUEST.len() * 2);
            while hear(&stream, &mut held, is_request).await {
                say(&stream, RESPONSE).await;
            }
        });
    }
}

async fn say(stream: &Stream, bytes: &[u8]) {
    let mut head = Scratch::take();
    head.extend_from_slice(bytes);
    stream.send(Outgoing::head(head)).await.expect("it is sent");
}

/// Receives until the message is whole; false where the peer has ended before.
async fn hear(stream: &Stream, held: &mut Vec<u8>, is_whole: fn(&[u8]) -> bool) -> bool {
    held.clear();
    while !is_whole(held) {
        let lease = stream.recv().await.expect("it is received");
        if lease.is_empty() {
            return false;
        }
        held.extend_from_slice(&lease);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_served_and_answered() {
        assert_eq!(hold(), (WARM_UP + REQUESTS) as u64);
    }
}
