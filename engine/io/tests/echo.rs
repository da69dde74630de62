//! Bytes there and back, over both drivers.

use std::net::SocketAddr;

use ringfence_io::*;

fn both(test: impl AsyncFn()) {
    for driver in [DriverChoice::IoUring, DriverChoice::Epoll] {
        run(
            &RunOptions {
                driver,
                ..RunOptions::default()
            },
            test(),
        )
        .unwrap();
    }
}

fn text(bytes: &[u8]) -> Outgoing {
    let mut head = Scratch::take();
    head.extend_from_slice(bytes);
    Outgoing::head(head)
}

async fn pair() -> (Stream, Stream) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = ListenSocket::bind(any, 16, false).unwrap();
    let address = socket.local_addr();
    let listener = Listener::new(socket).unwrap();
    let client = Stream::connect(&Endpoint::Tcp(address)).await.unwrap();
    let server = listener.accept().await.unwrap();
    (client, server)
}

#[test]
fn what_is_sent_comes_back() {
    both(async || {
        let (client, server) = pair().await;
        spawn(async move {
            loop {
                let got = server.recv().await.unwrap();
                if got.is_empty() {
                    break;
                }
                server
                    .send(Outgoing::body(Payload::Lease(got)))
                    .await
                    .unwrap();
            }
        });
        for _ in 0..3 {
            client.send(text(b"ping")).await.unwrap();
            assert_eq!(&*client.recv().await.unwrap(), b"ping");
        }
        client.shutdown_write();
        assert!(client.recv().await.unwrap().is_empty());
    });
}
