//! Receiving loses nothing and holds nothing.

use std::future::poll_fn;
use std::io::Write;
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;

use ringfence_io::*;

use super::support::*;

/// Polls a future once and drops it.
async fn glance<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[test]
fn what_is_sent_comes_back() {
    each(async || {
        let (client, server) = pair().await;
        spawn(echo(server));
        for _ in 0..3 {
            client.send(text(b"ping")).await.unwrap();
            assert_eq!(&*client.recv().await.unwrap(), b"ping");
        }
        client.shutdown_write().await;
        assert!(client.recv().await.unwrap().is_empty());
    });
}

#[test]
fn a_half_closed_peer_still_receives() {
    each(async || {
        let (client, server) = pair().await;
        client.send(text(b"all I have to say")).await.unwrap();
        client.shutdown_write().await;
        assert_eq!(recv_all(&server).await, b"all I have to say");
        assert!(
            server.recv().await.unwrap().is_empty(),
            "the end stays the end"
        );
        server.send(text(b"heard")).await.unwrap();
        assert_eq!(&*client.recv().await.unwrap(), b"heard");
    });
}

#[test]
fn a_dropped_receive_loses_no_bytes() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        for round in 0..20u8 {
            assert!(glance(stream.recv()).await.is_none());
            peer.write_all(&[round]).unwrap();
            if round % 2 == 0 {
                // The wait ends with nobody there to see it.
                sleep(millis(5)).await;
            }
            assert_eq!(*stream.recv().await.unwrap(), [round]);
        }
    });
}

#[test]
fn receives_cut_short_again_and_again_see_every_byte() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let sent = noise(200_000);
        let to_send = sent.clone();
        let writer = std::thread::spawn(move || {
            for piece in to_send.chunks(1_000) {
                peer.write_all(piece).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let mut got = Vec::new();
        while got.len() < sent.len() {
            match glance(stream.recv()).await {
                Some(lease) => got.extend_from_slice(&lease.unwrap()),
                None => sleep(millis(1)).await,
            }
        }
        assert!(got == sent);
        writer.join().unwrap();
    });
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        assert!(glance(stream.recv()).await.is_none());
        sleep(millis(1)).await;
        assert!(glance(stream.recv()).await.is_none());
        assert_eq!(stats().leases, 0);
        peer.write_all(b"x").unwrap();
        let lease = stream.recv().await.unwrap();
        assert_eq!(stats().leases, 1);
        drop(lease);
        assert_eq!(stats().leases, 0);
    });
}

#[test]
fn more_is_appended_where_the_first_bytes_lie() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        peer.write_all(b"GET / HT").unwrap();
        let mut head = stream.recv().await.unwrap();
        let place = head.as_ptr();
        peer.write_all(b"TP/1.1\r\n").unwrap();
        assert_eq!(stream.recv_more(&mut head).await.unwrap(), 8);
        assert_eq!(&*head, b"GET / HTTP/1.1\r\n");
        assert_eq!(head.as_ptr(), place);
        let long = noise(40_000);
        peer.write_all(&long).unwrap();
        while head.len() < 16 + long.len() {
            stream.recv_more(&mut head).await.unwrap();
        }
        assert_eq!(&head[..16], b"GET / HTTP/1.1\r\n");
        assert!(head[16..] == long);
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.recv_more(&mut head).await.unwrap(), 0);
    });
}

#[test]
fn a_large_hint_takes_more_at_once() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let sent = noise(60_000);
        peer.write_all(&sent).unwrap();
        sleep(millis(20)).await;
        assert_eq!(stream.recv().await.unwrap().len(), 16 << 10);
        let rest = stream.recv_sized(64 << 10).await.unwrap();
        assert!(rest.len() > 16 << 10, "{} bytes", rest.len());
    });
}
