//! The simulated driver: what it does to those who use the facade, and that it does the same
//! again.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::{CoreId, Dice, Simulation, Weather};
use ringfence_io::*;

const PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);

const SEEDS: u64 = 200;

fn text(bytes: &[u8]) -> Outgoing {
    let mut head = Scratch::take();
    head.extend_from_slice(bytes);
    Outgoing::head(head)
}

fn listener() -> Listener {
    Listener::new(ListenSocket::bind(PORT, 16, false).unwrap()).unwrap()
}

async fn dial() -> Stream {
    Stream::connect(&Endpoint::Tcp(PORT)).await.unwrap()
}

/// Runs until the cores have ended, and holds them to leaving nothing behind.
fn to_the_end(world: &mut Simulation, cores: &[CoreId]) {
    while cores.iter().any(|core| world.left(*core).is_none()) {
        assert!(world.step(), "someone waits for what never happens");
        assert!(world.happened() < 1_000_000, "it never ends");
    }
    for core in cores {
        let left = world.left(*core).unwrap();
        let stats = left.stats;
        assert_eq!((stats.tasks, stats.streams), (0, 0));
        assert_eq!((stats.leases, stats.pipes), (0, 0));
        assert_eq!(left.held_bytes, 0);
    }
    assert_eq!(world.open_sockets(), 0);
}

/// Runs a server and a client, each on a core of its own, in that weather.
fn two<S, C>(seed: u64, weather: Weather, server: S, client: C) -> u64
where
    S: AsyncFnOnce(Listener) + 'static,
    C: AsyncFnOnce() + 'static,
{
    let mut world = Simulation::new(seed, weather);
    let far = world.start(async move { server(listener()).await });
    let near = world.start(async move {
        sleep(Duration::from_millis(1)).await;
        client().await;
    });
    to_the_end(&mut world, &[near, far]);
    world.trace()
}

/// Any weather, but none in which a connection ends by itself.
fn uncut(seed: u64) -> Weather {
    Weather {
        cuts: 0,
        ..Weather::of(seed)
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    (0..len).map(|_| dice.bits() as u8).collect()
}

async fn recv_all(stream: &Stream) -> Vec<u8> {
    let mut all = Lease::empty();
    while stream.recv_more(&mut all).await.unwrap() > 0 {}
    all.to_vec()
}

fn exchange(seed: u64) -> u64 {
    let len = Dice::new(seed).below(200_000) as usize;
    let sent = noise(seed, len);
    let expected = sent.clone();
    two(
        seed,
        uncut(seed),
        async move |listener| {
            let stream = listener.accept().await.unwrap();
            let got = recv_all(&stream).await;
            assert!(got == expected, "what was sent is received");
            stream.send(text(&got)).await.unwrap();
            stream.flushed().await.unwrap();
        },
        async move || {
            let stream = dial().await;
            stream.send(text(&sent)).await.unwrap();
            stream.shutdown_write().await;
            assert!(recv_all(&stream).await == sent, "what was sent is received");
        },
    )
}

#[test]
fn bytes_arrive_whole_and_in_order_in_any_weather() {
    for seed in 0..SEEDS {
        exchange(seed);
    }
}

#[test]
fn a_seed_says_all_that_happens() {
    for seed in 0..20 {
        assert_eq!(exchange(seed), exchange(seed));
    }
    assert_ne!(exchange(1), exchange(2));
}

#[test]
fn time_passes_only_in_the_world() {
    let began = std::time::Instant::now();
    let mut world = Simulation::new(1, Weather::fair());
    let core = world.start(async {
        let (before, date) = (now(), unix_now());
        sleep(Duration::from_secs(3600)).await;
        let slept = now() - before;
        assert!(slept >= Duration::from_secs(3600) && slept < Duration::from_secs(3601));
        assert!(unix_now() - date >= Duration::from_secs(3600));
    });
    to_the_end(&mut world, &[core]);
    assert!(began.elapsed() < Duration::from_secs(60));
    drop(world);
    assert!(now() < Duration::from_secs(3600), "the real clock goes on");
}

#[test]
fn nobody_there_is_refused_and_a_lost_place_says_nothing() {
    let mut world = Simulation::new(1, Weather::fair());
    let lost = SocketAddr::from(([192, 0, 2, 1], 80));
    world.lose(lost, true);
    let core = world.start(async move {
        let refused = Stream::connect(&Endpoint::Tcp(PORT)).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let lost = Endpoint::Tcp(lost);
        let silent = timeout_at(now() + Duration::from_secs(60), Stream::connect(&lost)).await;
        assert!(silent.is_err());
    });
    to_the_end(&mut world, &[core]);
}

/// Passes all that comes over `from` on, in receives of any size.
async fn pass_all(from: &Stream, to: &Stream, dice: &mut Dice) {
    loop {
        let most = 1 + dice.below(100_000) as usize;
        match from.recv_piped(most).await.unwrap() {
            Received::Bytes(lease) if lease.is_empty() => return to.flushed().await.unwrap(),
            Received::Bytes(lease) => {
                let out = Outgoing::body(Payload::Lease(lease));
                to.send(out).await.unwrap();
            }
            Received::Piped(pipe) => {
                assert!((1..=most).contains(&pipe.len()));
                to.send_piped(pipe).await.unwrap();
            }
        }
    }
}

#[test]
fn bytes_that_are_passed_on_unseen_arrive_whole_and_in_order() {
    let moved = Rc::new(RefCell::new(0));
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let sent = noise(seed, dice.below(300_000) as usize);
        let expected = sent.clone();
        let mut world = Simulation::new(seed, uncut(seed));
        let counted = moved.clone();
        let server = world.start(async move {
            let listener = listener();
            let [from, to] = [
                listener.accept().await.unwrap(),
                listener.accept().await.unwrap(),
            ];
            pass_all(&from, &to, &mut dice).await;
            to.flushed().await.unwrap();
            *counted.borrow_mut() += stats().bytes_piped;
        });
        let client = world.start(async move {
            sleep(Duration::from_millis(1)).await;
            let source = dial().await;
            // So that it is the second to be accepted.
            sleep(Duration::from_secs(100)).await;
            let sink = dial().await;
            spawn(async move {
                source.send(text(&sent)).await.unwrap();
                source.shutdown_write().await;
                source.closed().await;
            });
            assert!(recv_all(&sink).await == expected, "seed {seed}");
        });
        to_the_end(&mut world, &[server, client]);
    }
    assert!(*moved.borrow() > 1_000_000, "{moved:?}");
}

#[test]
fn an_aborted_connection_is_noticed() {
    for seed in 0..SEEDS {
        two(
            seed,
            uncut(seed),
            async |listener| {
                let stream = listener.accept().await.unwrap();
                stream.closed().await;
                assert!(!stream.looks_alive());
            },
            async || {
                let stream = dial().await;
                // So that it is accepted before it is gone.
                sleep(Duration::from_secs(100)).await;
                stream.abort();
            },
        );
    }
}

#[test]
fn closing_with_bytes_unread_resets() {
    for seed in 0..SEEDS {
        two(
            seed,
            uncut(seed),
            async |listener| {
                let stream = listener.accept().await.unwrap();
                let told = match stream.send(text(b"unread")).await {
                    Ok(()) => stream.recv().await.map(drop),
                    Err(error) => Err(error),
                };
                assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
            },
            async || {
                let stream = dial().await;
                let dull = async || {
                    // It must have come, and not have been taken off the network.
                    while stream.looks_alive() {
                        sleep(Duration::from_millis(10)).await;
                    }
                };
                dull().await;
            },
        );
    }
}

#[test]
fn a_peer_that_takes_nothing_stops_the_sender() {
    let weather = Weather {
        buffers: (1000, 1000),
        ..Weather::fair()
    };
    two(
        1,
        weather,
        async |listener| {
            let stream = listener.accept().await.unwrap();
            sleep(Duration::from_secs(100)).await;
            drop(stream);
        },
        async || {
            let stream = dial().await;
            stream.set_send_limit(Some(Duration::from_secs(5)));
            let before = now();
            let sent = stream.send(text(&[7; 5000])).await;
            let told = match sent {
                Ok(()) => stream.flushed().await,
                told => told,
            };
            assert_eq!(told.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(now() - before < Duration::from_secs(11));
        },
    );
}

#[test]
fn a_core_that_is_killed_closes_what_it_had() {
    let mut world = Simulation::new(3, Weather::fair());
    let server = world.start(async {
        let listener = listener();
        let stream = listener.accept().await.unwrap();
        spawn(async move {
            let _kept = stream;
            std::future::pending::<()>().await;
        });
        std::future::pending::<()>().await;
    });
    let said = Rc::new(RefCell::new(false));
    let connected = said.clone();
    let client = world.start(async move {
        sleep(Duration::from_millis(1)).await;
        let stream = dial().await;
        connected.replace(true);
        assert!(stream.recv().await.unwrap().is_empty());
    });
    while !*said.borrow() {
        assert!(world.step());
    }
    while world.now() < Duration::from_secs(2) && world.step() {}
    world.kill(server);
    to_the_end(&mut world, &[server, client]);
}

#[test]
fn cores_hand_connections_and_messages_over() {
    for seed in 0..SEEDS {
        let mut world = Simulation::new(seed, uncut(seed));
        let (post, mut mail) = mailbox::<Socket>();
        let taker = world.start(async move {
            let stream = Stream::attach(mail.recv().await).unwrap();
            stream.send(text(b"from the other")).await.unwrap();
        });
        let giver = world.start(async move {
            let listener = listener();
            let stream = listener.accept().await.unwrap();
            post.post(stream.detach().unwrap());
        });
        let client = world.start(async {
            sleep(Duration::from_millis(1)).await;
            assert_eq!(recv_all(&dial().await).await, b"from the other");
        });
        to_the_end(&mut world, &[taker, giver, client]);
    }
}

#[test]
fn a_simulated_core_has_no_datagrams_and_says_so() {
    let mut world = Simulation::new(1, Weather::fair());
    let core = world.start(async {
        let refused = Datagrams::bind(PORT).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    });
    to_the_end(&mut world, &[core]);
}
