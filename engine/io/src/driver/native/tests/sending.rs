//! Sends that were handed over, and what becomes of them.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use bytes::Bytes;

use super::*;
use crate::deadline::timeout_at;
use crate::outgoing::{Outgoing, Payload};

/// Few enough bytes for a send to end before the kernel has them.
const FEW: usize = 8 << 10;

/// Sends of so many fill the sockets of a connection whose peer reads nothing.
const SENDS: usize = 2_000;

fn piece(number: usize) -> Vec<u8> {
    (0..FEW).map(|at| (number * 31 + at / 64) as u8).collect()
}

fn out(bytes: Vec<u8>) -> Outgoing {
    Outgoing::body(Payload::Bytes(Bytes::from(bytes)))
}

/// Sends until one has to wait; gives how many were taken.
async fn fill(stream: &Stream) -> usize {
    for number in 0..SENDS {
        // What the kernel has room for, it takes in the next turn.
        if timeout_at(now() + millis(50), stream.flushed())
            .await
            .is_err()
        {
            return number;
        }
        stream.send(out(piece(number))).await.unwrap();
    }
    panic!("the sockets hold it all");
}

fn read_pieces(peer: &mut TcpStream, many: usize) {
    for number in 0..many {
        let mut got = vec![0; FEW];
        peer.read_exact(&mut got).unwrap();
        assert!(got == piece(number), "piece {number}");
    }
}

#[test]
fn what_was_handed_over_arrives_when_the_peer_reads_at_last() {
    each(COMMON, async || {
        let (stream, mut peer) = pair();
        let sent = fill(&stream).await;
        let reader = std::thread::spawn(move || {
            read_pieces(&mut peer, sent);
            peer
        });
        stream.flushed().await.unwrap();
        drop(stream);
        let mut peer = reader.join().unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "nothing more and no reset");
    });
}

#[test]
fn a_peer_that_takes_nothing_in_time_fails_the_next_send() {
    on(COMMON, async || {
        let (stream, _peer) = pair();
        stream.set_send_limit(Some(millis(200)));
        fill(&stream).await;
        let told = stream.send(out(piece(0))).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::TimedOut);
        let told = stream.flushed().await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::BrokenPipe, "nothing can follow");
    });
}

#[test]
fn an_owner_that_goes_with_a_send_under_way_leaves_nothing_behind() {
    each(COMMON, async || {
        for _ in 0..5 {
            let (stream, _peer) = pair();
            fill(&stream).await;
            drop(stream);
        }
        sleep(millis(5)).await;
        let busy = core::with(core::running(), |core| core.slots.busy().len());
        assert_eq!(busy, Some(1), "only other cores' calls are waited for");
    });
}

#[test]
fn a_core_that_ends_sends_what_it_was_handed() {
    let mut peer = run(COMMON, async {
        let (stream, peer) = pair();
        stream.send(out(piece(0))).await.unwrap();
        peer
    })
    .unwrap();
    read_pieces(&mut peer, 1);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_descriptor_is_not_handed_over_with_bytes_still_to_be_sent() {
    each(COMMON, async || {
        let (stream, _peer) = pair();
        stream.send(out(piece(0))).await.unwrap();
        assert!(stream.detach().is_err());

        let (stream, _peer) = pair();
        stream.send(out(piece(0))).await.unwrap();
        stream.flushed().await.unwrap();
        assert!(stream.detach().is_ok());
    });
}

#[test]
fn a_send_that_fails_later_is_told_of() {
    each(COMMON, async || {
        let (stream, peer) = pair();
        drop(peer);
        sleep(millis(5)).await;
        // The first draws a reset, the second meets it.
        stream.send(out(piece(0))).await.unwrap();
        stream.flushed().await.unwrap();
        sleep(millis(5)).await;
        stream.send(out(piece(1))).await.unwrap();
        assert!(stream.flushed().await.is_err());
        assert!(!stream.looks_alive());
        assert!(stream.send(out(piece(2))).await.is_err());
    });
}
