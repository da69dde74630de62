//! Bytes that are passed on from one stream to another unseen.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::thread;

use ringfence_io::sim::Dice;
use ringfence_io::*;

use crate::support::*;

/// More than the sockets of a connection hold.
const FLOOD: usize = 32 << 20;

/// What one receive asks for.
const PIECE: usize = 256 << 10;

/// Two connections with plain peers: from the first of them to the second.
async fn line() -> ((TcpStream, Stream), (Stream, TcpStream)) {
    let (from, source) = with_plain_peer().await;
    let (to, sink) = with_plain_peer().await;
    ((source, from), (to, sink))
}

/// Passes one piece on; its length, 0 at the end.
async fn pass(from: &Stream, to: &Stream, most: usize) -> std::io::Result<usize> {
    match from.recv_piped(most).await? {
        Received::Bytes(lease) => {
            let n = lease.len();
            to.send(Outgoing::body(Payload::Lease(lease))).await?;
            Ok(n)
        }
        Received::Piped(pipe) => {
            let n = pipe.len();
            assert!(n > 0 && n <= most, "{n} of {most}");
            to.send_piped(pipe).await?;
            Ok(n)
        }
    }
}

/// A pipe with bytes in it.
async fn piped(from: &Stream, most: usize) -> Pipe {
    loop {
        match from.recv_piped(most).await.unwrap() {
            Received::Piped(pipe) => return pipe,
            // What was received ahead.
            Received::Bytes(lease) => assert!(!lease.is_empty(), "the end came first"),
        }
    }
}

fn write_all(peer: &TcpStream, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let mut peer = peer.try_clone().unwrap();
    thread::spawn(move || {
        let _ = peer.write_all(&bytes);
    })
}

fn read_all(mut peer: TcpStream) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    })
}

/// Waits for a thread while the core goes on.
async fn join<T>(thread: thread::JoinHandle<T>) -> T {
    while !thread.is_finished() {
        sleep(millis(1)).await;
    }
    thread.join().unwrap()
}

fn moved() -> u64 {
    stats().bytes_piped
}

#[test]
fn all_bytes_arrive_in_order_and_most_are_not_copied() {
    each(async || {
        let before = moved();
        let ((source, from), (to, sink)) = line().await;
        let sent = noise(FLOOD);
        let got = read_all(sink);
        let writing = write_all(&source, sent.clone());
        let mut left = sent.len();
        while left > 0 {
            left -= pass(&from, &to, PIECE.min(left)).await.unwrap();
        }
        to.shutdown_write().await;
        join(writing).await;
        assert!(join(got).await == sent);
        assert!(moved() - before > FLOOD as u64 / 2, "{}", moved() - before);
        assert_eq!(stats().pipes, 0);
    });
}

#[test]
fn behind_bytes_that_were_moved_little_is_copied_at_first() {
    each(async || {
        let ((source, from), (to, _sink)) = line().await;
        let writing = write_all(&source, noise(PIECE));
        let mut left = PIECE;
        while left > 0 {
            left -= piped(&from, left).await.len();
        }
        join(writing).await;
        write_all(&source, noise(64 << 10)).join().unwrap();
        let mut held = Lease::empty();
        from.recv_more(&mut held).await.unwrap();
        assert_eq!(held.len(), 4 << 10);
        let rest = piped(&from, 60 << 10).await;
        to.send_piped(rest).await.unwrap();
        // Bytes that were copied in between say that no more is likely to be moved.
        write_all(&source, noise(16 << 10)).join().unwrap();
        assert_eq!(from.recv().await.unwrap().len(), 4 << 10);
        assert_eq!(from.recv().await.unwrap().len(), 12 << 10);
    });
}

#[test]
fn a_watched_connection_tells_what_becomes_of_it() {
    each(async || {
        let ((source, from), (_to, _sink)) = line().await;
        let writing = write_all(&source, noise(64 << 10));
        let mut left = 64 << 10;
        while left > 0 {
            left -= piped(&from, left).await.len();
        }
        join(writing).await;
        from.watch();
        sleep(millis(5)).await;
        assert!(from.looks_alive());
        (&source).write_all(b"x").unwrap();
        sleep(millis(5)).await;
        assert!(!from.looks_alive());
        assert_eq!(&*from.recv().await.unwrap(), b"x");
        from.watch();
        drop(source);
        sleep(millis(5)).await;
        assert!(!from.looks_alive());
    });
}

#[test]
fn receives_of_both_kinds_take_turns_at_random() {
    for seed in 0..12 {
        each(async || {
            let mut dice = Dice::new(seed);
            let ((source, from), (to, sink)) = line().await;
            let sent = noise(1 + dice.below(2_000_000) as usize);
            let got = read_all(sink);
            let writing = write_all(&source, sent.clone());
            let mut passed = 0;
            while passed < sent.len() {
                let most = 1 + dice.below(300_000) as usize;
                passed += if dice.chance(500) {
                    pass(&from, &to, most).await.unwrap()
                } else {
                    let lease = from.recv_sized(most).await.unwrap();
                    let n = lease.len();
                    to.send(Outgoing::body(Payload::Lease(lease)))
                        .await
                        .unwrap();
                    n
                };
            }
            to.shutdown_write().await;
            join(writing).await;
            assert!(join(got).await == sent, "seed {seed}");
        });
    }
}

#[test]
fn a_source_that_ends_is_told_apart_from_one_that_fails() {
    each(async || {
        let ((source, from), (to, _sink)) = line().await;
        drop(source);
        assert_eq!(pass(&from, &to, PIECE).await.unwrap(), 0);

        let (mut left, from) = (FLOOD, line().await.0);
        let (source, from) = from;
        let writing = write_all(&source, noise(FLOOD));
        left -= pass(&from, &to, 1).await.unwrap();
        assert!(left > 0);
        from.abort();
        join(writing).await;
        let ended = loop {
            match from.recv_piped(PIECE).await {
                Ok(Received::Bytes(lease)) if lease.is_empty() => break true,
                Ok(_) => {}
                Err(_) => break true,
            }
        };
        assert!(ended);
    });
}

#[test]
fn a_reset_by_the_source_is_an_error() {
    each(async || {
        let (client, server) = pair().await;
        server.abort();
        sleep(millis(5)).await;
        let error = client.recv_piped(PIECE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_source_that_stalls_is_late_and_loses_nothing() {
    each(async || {
        let ((mut source, from), (to, sink)) = line().await;
        from.set_recv_deadline(Some(now() + millis(100)));
        let error = from.recv_piped(PIECE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        source.write_all(b"late").unwrap();
        from.set_recv_deadline(Some(now() + millis(5_000)));
        assert_eq!(pass(&from, &to, PIECE).await.unwrap(), 4);
        to.shutdown_write().await;
        assert_eq!(join(read_all(sink)).await, b"late");
    });
}

/// Passes on until that fails, and gives how.
async fn pass_until_it_fails(from: &Stream, to: &Stream) -> ErrorKind {
    loop {
        match from.recv_piped(PIECE).await.unwrap() {
            Received::Bytes(lease) => {
                assert!(!lease.is_empty());
                if let Err(error) = to.send(Outgoing::body(Payload::Lease(lease))).await {
                    return error.kind();
                }
            }
            Received::Piped(pipe) => {
                if let Err(error) = to.send_piped(pipe).await {
                    return error.kind();
                }
            }
        }
    }
}

#[test]
fn a_destination_that_takes_nothing_fails_the_send_and_poisons() {
    each(async || {
        let ((source, from), (to, _sink)) = line().await;
        to.set_send_limit(Some(millis(120)));
        let writing = write_all(&source, noise(FLOOD));
        assert_eq!(pass_until_it_fails(&from, &to).await, ErrorKind::TimedOut);
        let error = to.send(text(b"more")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(stats().pipes, 0);
        from.abort();
        join(writing).await;
    });
}

#[test]
fn a_destination_that_has_gone_fails_the_send() {
    each(async || {
        let ((source, from), (to, sink)) = line().await;
        let writing = write_all(&source, noise(FLOOD));
        drop(sink);
        let kind = pass_until_it_fails(&from, &to).await;
        assert!(
            matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{kind}"
        );
        assert!(!to.looks_alive());
        from.abort();
        join(writing).await;
    });
}

#[test]
fn a_send_that_is_dropped_poisons_and_loses_what_is_in_the_pipe() {
    each(async || {
        let ((source, from), (to, _sink)) = line().await;
        let writing = write_all(&source, noise(FLOOD));
        while timeout_at(now() + millis(50), pass(&from, &to, PIECE))
            .await
            .is_ok()
        {}
        let error = to.send(text(b"more")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!((stats().pipes, held_bytes()), (0, 0));
        from.abort();
        join(writing).await;
    });
}

#[test]
fn a_receive_that_is_dropped_loses_nothing() {
    each(async || {
        let ((mut source, from), (to, sink)) = line().await;
        for _ in 0..5 {
            let waiting = timeout_at(now(), from.recv_piped(PIECE)).await;
            assert!(waiting.is_err());
        }
        let sent = noise(100_000);
        source.write_all(&sent).unwrap();
        let mut left = sent.len();
        while left > 0 {
            left -= pass(&from, &to, PIECE).await.unwrap();
        }
        to.shutdown_write().await;
        assert!(join(read_all(sink)).await == sent);
    });
}

#[test]
fn what_a_pipe_holds_counts_as_held() {
    each(async || {
        let ((source, from), (to, _sink)) = line().await;
        let writing = write_all(&source, noise(2 * PIECE));
        let pipe = piped(&from, 20_000).await;
        assert_eq!((held_bytes(), stats().pipes), (pipe.len(), 1));
        to.send_piped(pipe).await.unwrap();
        assert_eq!((held_bytes(), stats().pipes), (0, 0));
        from.abort();
        join(writing).await;
    });
}

#[test]
fn a_core_that_may_have_no_pipes_copies() {
    for driver in DRIVERS {
        let options = RunOptions {
            driver,
            pipes: 0,
            ..RunOptions::default()
        };
        run(&options, async {
            let before = moved();
            let ((source, from), (to, sink)) = line().await;
            let sent = noise(1 << 20);
            let got = read_all(sink);
            let writing = write_all(&source, sent.clone());
            let mut left = sent.len();
            while left > 0 {
                left -= pass(&from, &to, PIECE).await.unwrap();
            }
            to.shutdown_write().await;
            join(writing).await;
            assert!(join(got).await == sent);
            assert_eq!(moved(), before);
        })
        .unwrap();
    }
}

#[test]
fn where_no_pipe_is_left_bytes_are_copied_until_one_is() {
    for driver in DRIVERS {
        let options = RunOptions {
            driver,
            pipes: 1,
            ..RunOptions::default()
        };
        run(&options, async {
            let ((one, first), _) = line().await;
            let ((other, second), (to, _sink)) = line().await;
            let writing = [
                write_all(&one, noise(2 * PIECE)),
                write_all(&other, noise(2 * PIECE)),
            ];
            let taken = piped(&first, 20_000).await;
            let mut left = 2 * PIECE;
            while left > PIECE {
                match second.recv_piped(PIECE).await.unwrap() {
                    Received::Bytes(lease) => left -= lease.len(),
                    Received::Piped(_) => panic!("the only pipe is taken"),
                }
            }
            // Bytes are left in it: it is closed, and another may be opened.
            drop(taken);
            let pipe = piped(&second, 20_000).await;
            to.send_piped(pipe).await.unwrap();
            // It is empty: it is kept, and taken again.
            drop(piped(&first, 20_000).await);
            first.abort();
            second.abort();
            for thread in writing {
                join(thread).await;
            }
        })
        .unwrap();
    }
}

#[test]
fn a_unix_socket_can_be_either_end() {
    each(async || {
        let path = std::env::temp_dir().join(format!("ringfence-pipe-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let origin = UnixListener::bind(&path).unwrap();
        let endpoint = Endpoint::Unix(path.clone());
        let from = Stream::connect(&endpoint).await.unwrap();
        let (mut source, _) = origin.accept().unwrap();
        let to = Stream::connect(&endpoint).await.unwrap();
        let (mut sink, _) = origin.accept().unwrap();
        let sent = noise(3 << 20);
        let expected = sent.clone();
        let writing = thread::spawn(move || source.write_all(&sent).unwrap());
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            sink.read_to_end(&mut all).unwrap();
            all
        });
        let mut left = expected.len();
        while left > 0 {
            left -= pass(&from, &to, PIECE.min(left)).await.unwrap();
        }
        to.shutdown_write().await;
        join(writing).await;
        assert!(join(reading).await == expected);
        std::fs::remove_file(path).unwrap();
    });
}
