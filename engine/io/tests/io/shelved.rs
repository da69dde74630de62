//! What lies on the shelf goes out as it is, however long it is on its way.

use bytes::Bytes;
use ringfence_io::*;

use super::support::*;

fn message(head: &[u8], body: Bytes) -> Outgoing {
    let mut scratch = Scratch::take();
    scratch.extend_from_slice(head);
    Outgoing {
        head: scratch,
        body: Payload::Bytes(body),
        tail: b"",
    }
}

#[test]
fn it_arrives_behind_its_head() {
    each(async || {
        let (client, server) = pair().await;
        let mut expected = Vec::new();
        let mut sends = Vec::new();
        for (number, len) in [16 << 10, 1 << 20, 100_001, 5, 1 << 20]
            .into_iter()
            .enumerate()
        {
            let (head, body) = (format!("head {number}\r\n"), noise(len));
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(&body);
            sends.push(message(head.as_bytes(), shelve(body.into())));
        }
        spawn(async move {
            for out in sends {
                client.send(out).await.unwrap();
            }
        });
        assert!(recv_all(&server).await == expected);
    });
}

#[test]
fn a_part_of_it_arrives_alone() {
    each(async || {
        let (client, server) = pair().await;
        let body = noise(300_000);
        let part = shelve(body.clone().into()).slice(1_001..250_000);
        spawn(async move {
            client
                .send(Outgoing::body(Payload::Bytes(part)))
                .await
                .unwrap();
        });
        assert!(recv_all(&server).await == body[1_001..250_000]);
    });
}

#[test]
fn what_has_its_room_next_does_not_overtake_it() {
    each(async || {
        let (client, server) = pair().await;
        let body = noise(60_000);
        client
            .send(message(b"", shelve(body.clone().into())))
            .await
            .unwrap();
        // It is with the kernel now, its room is free, and the peer has yet to read.
        for _ in 0..100 {
            drop(shelve(vec![b'x'; body.len()].into()));
        }
        client.shutdown_write().await;
        assert!(recv_all(&server).await == body);
    });
}

#[test]
fn a_peer_that_has_gone_is_an_error() {
    each(async || {
        let (client, server) = pair().await;
        drop(server);
        let body = shelve(noise(1 << 20).into());
        let sent = async {
            for _ in 0..100 {
                client.send(message(b"head", body.clone())).await?;
            }
            std::io::Result::Ok(())
        };
        sent.await.unwrap_err();
        client
            .send(message(b"head", body.clone()))
            .await
            .unwrap_err();
    });
}
