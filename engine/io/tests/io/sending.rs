//! Sending is whole or nothing.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixListener;

use bytes::Bytes;
use ringfence_io::*;

use super::support::*;

/// More than the sockets of a connection hold.
const FLOOD: usize = 32 << 20;

fn flood() -> Outgoing {
    Outgoing::body(Payload::Bytes(vec![b'x'; FLOOD].into()))
}

#[test]
fn head_body_and_tail_arrive_in_order() {
    each(async || {
        let (client, server) = pair().await;
        let mut head = Scratch::take();
        head.extend_from_slice(b"5\r\n");
        let body = Payload::Bytes(Bytes::from_static(b"hello"));
        client
            .send(Outgoing {
                head,
                body,
                tail: b"\r\n",
            })
            .await
            .unwrap();
        let body = Payload::Lease(Lease::copy_from(b"0\r\n"));
        client
            .send(Outgoing {
                head: Scratch::none(),
                body,
                tail: b"\r\n",
            })
            .await
            .unwrap();
        client.send(text(b"")).await.unwrap();
        client.shutdown_write().await;
        assert_eq!(recv_all(&server).await, b"5\r\nhello\r\n0\r\n\r\n");
    });
}

#[test]
fn a_send_larger_than_the_socket_continues_where_it_stopped() {
    each(async || {
        let (client, server) = pair().await;
        let (head, body) = (noise(3_000_000), noise(5_000_000));
        let expected = [&head[..], &body, b"tail"].concat();
        spawn(async move {
            let mut scratch = Scratch::take();
            scratch.extend_from_slice(&head);
            let out = Outgoing {
                head: scratch,
                body: Payload::Bytes(body.into()),
                tail: b"tail",
            };
            client.send(out).await.unwrap();
        });
        assert!(recv_all(&server).await == expected);
    });
}

#[test]
fn both_directions_flow_at_once() {
    each(async || {
        let (client, server) = pair().await;
        spawn(echo(server));
        let sent = noise(6 << 20);
        let client = std::rc::Rc::new(client);
        let sender = client.clone();
        let body = Bytes::from(sent.clone());
        spawn(async move {
            sender
                .send(Outgoing::body(Payload::Bytes(body)))
                .await
                .unwrap();
            sender.shutdown_write().await;
        });
        assert!(recv_all(&client).await == sent);
    });
}

#[test]
fn a_dropped_send_poisons_the_stream() {
    each(async || {
        let (client, _server) = pair().await;
        assert!(
            timeout_at(now() + millis(50), client.send(flood()))
                .await
                .is_err()
        );
        assert_eq!(
            client.send(text(b"more")).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        assert!(!client.looks_alive());
    });
}

#[test]
fn a_send_that_never_began_poisons_nothing() {
    each(async || {
        let (client, server) = pair().await;
        drop(client.send(text(b"never")));
        client.send(text(b"sent")).await.unwrap();
        assert_eq!(&*server.recv().await.unwrap(), b"sent");
        assert!(client.looks_alive());
    });
}

#[test]
fn a_peer_that_has_gone_fails_the_send() {
    each(async || {
        let (client, server) = pair().await;
        server.abort();
        sleep(millis(5)).await;
        let sent = client.send(text(b"anyone?")).await;
        assert!(sent.is_err() || client.flushed().await.is_err());
        assert_eq!(
            client.send(text(b"more")).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn a_unix_socket_is_a_server_too() {
    each(async || {
        let path = std::env::temp_dir().join(format!("ringfence-io-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let origin = UnixListener::bind(&path).unwrap();
        let stream = Stream::connect(&Endpoint::Unix(path.clone()))
            .await
            .unwrap();
        let (mut peer, _) = origin.accept().unwrap();
        stream.send(text(b"hello")).await.unwrap();
        stream.flushed().await.unwrap();
        let mut got = [0; 5];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(
            (&got, stream.peer(), stream.local()),
            (b"hello", &Peer::Unix, None)
        );
        assert!(stream.looks_alive());
        drop(peer);
        stream.closed().await;
        drop(origin);
        assert!(
            Stream::connect(&Endpoint::Unix(path.clone()))
                .await
                .is_err()
        );
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn nobody_listening_is_an_error() {
    each(async || {
        let address = listener().local_addr();
        sleep(millis(5)).await;
        let error = Stream::connect(&Endpoint::Tcp(address))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}
