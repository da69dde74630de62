//! Datagrams over UDP.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::task::Poll;

use ringfence_io::*;

use super::support::*;

fn socket() -> Datagrams {
    Datagrams::bind(LOCALHOST).unwrap()
}

/// A plain socket of someone else, and its address.
fn other() -> (UdpSocket, SocketAddr) {
    let other = UdpSocket::bind(LOCALHOST).unwrap();
    other
        .set_read_timeout(Some(std::time::Duration::from_secs(5)))
        .unwrap();
    let address = other.local_addr().unwrap();
    (other, address)
}

#[test]
fn datagrams_come_whole_and_with_their_senders() {
    each(async || {
        let (here, (there, address)) = (socket(), other());
        for round in 0..50 {
            for len in [0, 1, 1200, 9000, Datagram::MOST] {
                let sent = vec![round; len];
                here.send_to(&sent, address).await.unwrap();
                let mut got = vec![0; 65_536];
                let (n, from) = there.recv_from(&mut got).unwrap();
                assert_eq!((&got[..n], from), (&sent[..], here.local_addr()));
                there.send_to(&sent, from).unwrap();
                let back = here.recv_from().await.unwrap();
                assert_eq!(&*back.bytes, sent);
                assert_eq!((back.from, back.truncated), (address, false));
            }
        }
    });
}

#[test]
fn one_that_is_too_long_says_so_and_does_no_harm_to_the_next() {
    each(async || {
        let (here, (there, _)) = (socket(), other());
        for long in [Datagram::MOST + 1, 16_384, 40_000, 65_507] {
            // Waiting already, and not.
            for waits in [false, true] {
                if waits {
                    assert!(
                        timeout_at(now() + millis(1), here.recv_from())
                            .await
                            .is_err()
                    );
                }
                let sent: Vec<u8> = noise(long);
                there.send_to(&sent, here.local_addr()).unwrap();
                there.send_to(b"next", here.local_addr()).unwrap();
                let first = here.recv_from().await.unwrap();
                assert!(first.truncated, "{long}");
                assert!(*first.bytes == sent[..Datagram::MOST]);
                let next = here.recv_from().await.unwrap();
                assert_eq!((&*next.bytes, next.truncated), (&b"next"[..], false));
            }
        }
    });
}

#[test]
fn a_burst_that_the_socket_has_room_for_is_received_to_the_last() {
    each(async || {
        let (here, (there, _)) = (socket(), other());
        for burst in [1, 4, 5, 60] {
            for number in 0..burst {
                there.send_to(&[number; 100], here.local_addr()).unwrap();
            }
            let mut got = Vec::new();
            for _ in 0..burst {
                let datagram = here.recv_from().await.unwrap();
                assert_eq!(datagram.bytes.len(), 100);
                got.push(datagram.bytes[0]);
            }
            assert_eq!(got, (0..burst).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_receive_waits_and_a_dropped_one_loses_nothing() {
    each(async || {
        let (here, (there, _)) = (socket(), other());
        for number in 0..50u8 {
            {
                let mut dropped = pin!(here.recv_from());
                let early = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_ready()));
                assert!(!early.await, "nothing has been sent");
                there.send_to(&[number], here.local_addr()).unwrap();
                if number % 2 == 0 {
                    sleep(millis(1)).await;
                }
            }
            assert_eq!(*here.recv_from().await.unwrap().bytes, [number]);
        }
    });
}

#[test]
fn what_cannot_be_sent_is_an_error_and_the_socket_goes_on() {
    each(async || {
        let (here, (there, address)) = (socket(), other());
        assert!(here.send_to(&[0; 65_508], address).await.is_err());
        here.send_to(b"x", address).await.unwrap();
        assert_eq!(there.recv_from(&mut [0; 9]).unwrap().0, 1);
        // Nobody there: that is not told to a socket that is not connected.
        let gone = other().1;
        here.send_to(b"x", gone).await.unwrap();
        there.send_to(b"y", here.local_addr()).unwrap();
        assert_eq!(&*here.recv_from().await.unwrap().bytes, b"y");
    });
}

#[test]
fn a_held_port_is_refused_and_a_closed_socket_frees_it() {
    each(async || {
        let here = socket();
        let address = here.local_addr();
        let error = Datagrams::bind(address).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        // Waited on when it closes.
        assert!(
            timeout_at(now() + millis(1), here.recv_from())
                .await
                .is_err()
        );
        drop(here);
        sleep(millis(5)).await;
        Datagrams::bind(address).unwrap();
    });
}

#[test]
fn a_dual_stack_socket_speaks_with_ipv4() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    each(async || {
        let here = Datagrams::bind("[::]:0".parse().unwrap()).unwrap();
        let (there, address) = other();
        here.send_to(b"there", address).await.unwrap();
        assert_eq!(there.recv_from(&mut [0; 9]).unwrap().0, 5);
        let port = here.local_addr().port();
        there.send_to(b"back", ("127.0.0.1", port)).unwrap();
        let back = here.recv_from().await.unwrap();
        assert_eq!((&*back.bytes, back.from), (&b"back"[..], address));
    });
}

#[test]
fn tasks_beside_a_flood_of_datagrams_get_their_turns() {
    each(async || {
        let here = socket();
        let address = here.local_addr();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let flood = std::thread::spawn(move || {
            let (there, _) = other();
            while stopped.try_recv().is_err() {
                let _ = there.send_to(&[0; 1000], address);
            }
        });
        spawn(async move { while here.recv_from().await.is_ok() {} });
        for _ in 0..20 {
            let began = now();
            sleep(millis(5)).await;
            assert!(now() - began < millis(500), "{:?}", now() - began);
        }
        stop.send(()).unwrap();
        flood.join().unwrap();
    });
}
