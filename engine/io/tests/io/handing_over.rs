//! Idle connections move between cores.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::pin::pin;
use std::task::Poll;

use ringfence_io::*;

use super::support::*;

#[test]
fn a_connection_goes_from_core_to_core_and_works_on_each() {
    for from in DRIVERS {
        for to in DRIVERS {
            for wait_in_flight in [false, true] {
                hand_over(from, to, wait_in_flight);
            }
        }
    }
}

fn hand_over(from: DriverChoice, to: DriverChoice, wait_in_flight: bool) {
    let (socket, mut peer) = on(from, async {
        let (stream, mut peer) = with_plain_peer().await;
        round_trip(&stream, &mut peer).await;
        if wait_in_flight {
            let mut wait = pin!(stream.recv());
            let begun = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await;
            assert!(begun);
            sleep(millis(2)).await;
        }
        (stream.detach().unwrap(), peer)
    });
    let other_core = std::thread::spawn(move || {
        on(to, async {
            let stream = Stream::attach(socket).unwrap();
            assert!(stream.looks_alive());
            round_trip(&stream, &mut peer).await;
            assert_eq!(stream.peer(), &Peer::Tcp(peer.local_addr().unwrap()));
        });
    });
    other_core.join().unwrap();
}

async fn round_trip(stream: &Stream, peer: &mut std::net::TcpStream) {
    stream.send(text(b"ping")).await.unwrap();
    stream.flushed().await.unwrap();
    let mut got = [0; 4];
    peer.read_exact(&mut got).unwrap();
    peer.write_all(&got).unwrap();
    assert_eq!(&*stream.recv().await.unwrap(), b"ping");
}

#[test]
fn two_running_cores_pass_one_connection_back_and_forth() {
    let (to_a, mut at_a) = mailbox::<Socket>();
    let (to_b, mut at_b) = mailbox::<Socket>();
    let other = std::thread::spawn(move || {
        on(DriverChoice::Native, async {
            for _ in 0..20 {
                let stream = Stream::attach(at_b.recv().await).unwrap();
                stream.send(text(b"from b")).await.unwrap();
                stream.flushed().await.unwrap();
                to_a.post(stream.detach().unwrap());
            }
        });
    });
    on(DriverChoice::Epoll, async {
        let (mut stream, mut peer) = with_plain_peer().await;
        for _ in 0..20 {
            to_b.post(stream.detach().unwrap());
            stream = Stream::attach(at_a.recv().await).unwrap();
            let mut got = [0; 6];
            peer.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"from b");
        }
    });
    other.join().unwrap();
}

#[test]
fn what_is_not_connected_is_not_attached() {
    each(async || {
        let alone = std::net::UdpSocket::bind(LOCALHOST).unwrap();
        assert!(Stream::attach(alone.into()).is_err());
    });
}
