//! The ways in which connections end.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use ringfence_io::*;
use rustix::net::sockopt;

use super::support::*;

/// Makes a plain socket end with a reset.
fn reset(peer: std::net::TcpStream) {
    sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).unwrap();
}

#[test]
fn an_idle_connection_looks_alive_until_something_happens() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        assert!(stream.looks_alive());
        peer.write_all(b"unasked").unwrap();
        sleep(millis(5)).await;
        assert!(!stream.looks_alive());
        stream.recv().await.unwrap();
        assert!(stream.looks_alive());
        drop(peer);
        sleep(millis(5)).await;
        assert!(!stream.looks_alive());
    });
}

#[test]
fn a_reset_is_noticed() {
    each(async || {
        let (stream, peer) = with_plain_peer().await;
        assert!(
            timeout_at(now() + millis(60), stream.closed())
                .await
                .is_err()
        );
        reset(peer);
        stream.closed().await;
    });
}

#[test]
fn a_half_closed_peer_is_not_gone_until_it_is() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        peer.write_all(b"unread").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let before = cpu_time();
        assert!(
            timeout_at(now() + millis(300), stream.closed())
                .await
                .is_err()
        );
        assert!(
            cpu_time() - before < millis(50),
            "waiting beside unread bytes must not spin"
        );
        assert_eq!(
            &*stream.recv().await.unwrap(),
            b"unread",
            "nothing was consumed"
        );
        assert!(
            timeout_at(now() + millis(150), stream.closed())
                .await
                .is_err()
        );
        reset(peer);
        stream.closed().await;
    });
}

#[test]
fn both_sides_ended_is_gone() {
    each(async || {
        let (stream, peer) = with_plain_peer().await;
        stream.shutdown_write().await;
        assert!(
            timeout_at(now() + millis(60), stream.closed())
                .await
                .is_err()
        );
        peer.shutdown(Shutdown::Write).unwrap();
        stream.closed().await;
    });
}

#[test]
fn an_abort_resets_at_once_whoever_else_holds_the_stream() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let stream = std::rc::Rc::new(stream);
        let other = stream.clone();
        spawn(async move {
            assert!(other.recv().await.map_or(true, |got| got.is_empty()));
        });
        sleep(millis(5)).await;
        stream.abort();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(
            peer.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert!(stream.send(text(b"x")).await.is_err());
        while stats().tasks > 0 {
            sleep(millis(5)).await;
        }
    });
}

#[test]
fn last_words_survive_a_peer_that_is_still_sending() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let client = std::thread::spawn(move || {
            peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            // Far more than the server ever reads before it answers.
            let _ = peer.write_all(&vec![b'x'; 3 << 20]);
            std::thread::sleep(millis(50));
            let mut said = String::new();
            peer.read_to_string(&mut said).map(|_| said)
        });
        stream.recv().await.unwrap();
        stream.send(text(b"413 too large")).await.unwrap();
        stream.linger_close(16 << 20, Duration::from_secs(5)).await;
        drop(stream);
        assert_eq!(client.join().unwrap().unwrap(), "413 too large");
    });
}

#[test]
fn lingering_is_bounded_in_bytes_and_time() {
    each(async || {
        let (stream, peer) = with_plain_peer().await;
        let began = now();
        stream.linger_close(1 << 20, millis(100)).await;
        assert!(now() - began < millis(600));
        drop(peer);

        let (client, server) = pair().await;
        spawn(async move {
            while client
                .send(Outgoing::body(Payload::Bytes(vec![0; 1 << 20].into())))
                .await
                .is_ok()
            {}
        });
        server.linger_close(4 << 20, Duration::from_secs(60)).await;
        drop(server);
        while stats().tasks > 0 {
            sleep(millis(5)).await;
        }
    });
}

#[test]
fn a_reset_that_a_send_was_told_of_is_no_end_to_a_receive() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        stream.send(text(b"unread")).await.unwrap();
        peer.write_all(b"the first half").unwrap();
        sleep(millis(5)).await;
        // With bytes unread, this resets.
        drop(peer);
        sleep(millis(5)).await;
        let sent = stream.send(text(b"more")).await;
        assert!(sent.is_err() || stream.flushed().await.is_err());
        let told = loop {
            match stream.recv().await {
                Ok(lease) if !lease.is_empty() => assert_eq!(&*lease, b"the first half"),
                told => break told.map(|lease| lease.len()),
            }
        };
        assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}
