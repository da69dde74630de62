//! A fixed number of exchanges through the real request path, on the simulated network and its clock: the same bytes in
//! the same order each time. Only the worker's turns are counted; clients and servers have their own.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use ringfence_config::Endpoint;
use ringfence_io::sim::{Simulation, Weather};
use ringfence_io::{ListenSocket, Listener, Outgoing, Scratch, Stream, spawn};
use ringfence_proxy::work;

use crate::messages::{CACHED, Messages, RELAYED, is_answer, is_request};
use crate::worker;

/// What becomes of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A server answers it.
    Relayed,
    /// The cache answers it, which was filled before.
    Hit,
}

/// Requests that are counted.
pub const REQUESTS: usize = 1_000;

/// Requests before those: connections are made, and pools and tables have grown to their size.
const WARM_UP: usize = 200;

/// Connections on which clients ask at the same time.
const CONNECTIONS: usize = 4;

/// Bytes of a message, at most.
const ROOM: usize = 4096;

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
    /// Requests that have reached a server.
    static REACHED: Cell<u64> = const { Cell::new(0) };
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Relayed, Self::Hit];

    fn messages(self) -> Messages {
        match self {
            Self::Relayed => RELAYED,
            Self::Hit => CACHED,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relayed => "relayed",
            Self::Hit => "hit",
        })
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.to_string() == name).ok_or(())
    }
}

/// What a dialogue has come to, the warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Requests that the worker has served.
    pub served: u64,
    /// Those of them that a server has answered.
    pub reached: u64,
}

/// Holds a dialogue from its first connection to the last of [`REQUESTS`] answers.
///
/// # Panics
/// Where anything is not as it should be: a wrong answer, a refused connection, a world that stands still.
#[must_use]
pub fn hold(kind: Kind) -> Held {
    REACHED.set(0);
    let messages = kind.messages();
    let mut world = Simulation::new(SEED, Weather::fair());
    for server in SERVERS {
        world.start(serve(server, messages.response));
    }
    let plan = worker::to_servers(&SERVERS, kind == Kind::Hit);
    let (seed, _, house) = worker::seed(plan, DOOR).expect("the address is free");
    world.start_watched(work(seed), turn);
    let client = world.start(ask(messages.request));
    while world.left(client).is_none() {
        assert!(world.step(), "the dialogue stands still");
    }
    Held {
        served: house.registry.worker(0).requests.get(),
        reached: REACHED.get(),
    }
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
async fn ask(request: &[u8]) {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = Stream::connect(&Endpoint::Tcp(DOOR)).await;
        streams.push(stream.expect("the proxy listens"));
    }
    let mut held = Vec::with_capacity(ROOM);
    for round in 0..(WARM_UP + REQUESTS) / CONNECTIONS {
        COUNTS.set(round >= WARM_UP / CONNECTIONS);
        for stream in &streams {
            say(stream, request).await;
        }
        for stream in &streams {
            assert!(hear(stream, &mut held, is_answer).await, "{held:?}");
        }
    }
    COUNTS.set(false);
}

/// A server: the same answer to every request.
async fn serve(address: SocketAddr, response: &'static [u8]) {
    let socket = ListenSocket::bind(address, 64, false).expect("the address is free");
    let listener = Listener::new(socket).expect("it is a listener");
    while let Some(stream) = listener.accept().await {
        spawn(async move {
            let mut held = Vec::with_capacity(ROOM);
            while hear(&stream, &mut held, is_request).await {
                REACHED.set(REACHED.get() + 1);
                say(&stream, response).await;
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
        let all = (WARM_UP + REQUESTS) as u64;
        let held = hold(Kind::Relayed);
        assert_eq!((held.served, held.reached), (all, all));
    }

    #[test]
    fn only_the_first_reaches_a_server_where_the_cache_answers() {
        let held = hold(Kind::Hit);
        assert_eq!(held.served, (WARM_UP + REQUESTS) as u64);
        assert_eq!(held.reached, 1);
    }

    #[test]
    fn kinds_read_and_print() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("missed".parse::<Kind>().is_err());
    }
}
