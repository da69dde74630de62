//! Nobody starves anybody.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ringfence_io::*;

use super::support::*;

/// Longest round trip that others may suffer beside bulk transfers; it would be unbounded if
/// those kept the core to themselves.
const PATIENCE: Duration = Duration::from_millis(150);

/// Sends without end to a peer that takes everything at once, both ends on this core.
async fn start_bulk() {
    let (client, server) = pair().await;
    let body = Bytes::from(vec![b'x'; 64 << 10]);
    spawn(async move {
        while client
            .send(Outgoing::body(Payload::Bytes(body.clone())))
            .await
            .is_ok()
        {}
    });
    spawn(async move {
        while server
            .recv_sized(256 << 10)
            .await
            .is_ok_and(|got| !got.is_empty())
        {}
    });
}

#[test]
fn a_small_request_gets_through_beside_bulk_transfers() {
    each(async || {
        for _ in 0..4 {
            start_bulk().await;
        }
        let (client, server) = pair().await;
        spawn(echo(server));
        let mut worst = Duration::ZERO;
        for _ in 0..50 {
            let began = now();
            client.send(text(b"ping")).await.unwrap();
            client.recv().await.unwrap();
            worst = worst.max(now() - began);
        }
        assert!(worst < PATIENCE, "{worst:?}");
    });
}

#[test]
fn timers_and_deadlines_fire_beside_bulk_transfers() {
    each(async || {
        for _ in 0..4 {
            start_bulk().await;
        }
        let began = now();
        sleep(millis(20)).await;
        assert!(now() - began < PATIENCE, "{:?}", now() - began);
        let (stream, _peer) = with_plain_peer().await;
        let due = now() + millis(50);
        stream.set_recv_deadline(Some(due));
        assert!(stream.recv().await.is_err());
        assert!(now() < due + PATIENCE, "{:?}", now() - due);
    });
}

#[test]
fn a_peer_with_a_thread_of_its_own_cannot_keep_a_core_busy() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let flooder = std::thread::spawn(move || {
            let junk = vec![0; 1 << 20];
            while std::io::Write::write_all(&mut peer, &junk).is_ok() {}
        });
        let stream = Rc::new(stream);
        let reader = stream.clone();
        spawn(async move { while reader.recv().await.is_ok_and(|got| !got.is_empty()) {} });
        for _ in 0..10 {
            let began = now();
            sleep(millis(5)).await;
            assert!(now() - began < PATIENCE, "{:?}", now() - began);
        }
        stream.abort();
        flooder.join().unwrap();
        while stats().tasks > 0 {
            sleep(millis(1)).await;
        }
    });
}

#[test]
fn whoever_works_without_end_lets_others_have_their_turn() {
    each(async || {
        for _ in 0..2 {
            spawn(async {
                loop {
                    next_turn().await;
                }
            });
        }
        let (client, server) = pair().await;
        spawn(echo(server));
        for _ in 0..20 {
            client.send(text(b"ping")).await.unwrap();
            assert_eq!(&*client.recv().await.unwrap(), b"ping");
        }
        sleep(millis(5)).await;
    });
}
