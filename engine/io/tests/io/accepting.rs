//! Listening and accepting.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::*;
use rustix::io::FdFlags;
use rustix::net::sockopt;

use super::support::*;

#[test]
fn accepted_sockets_close_on_exec_do_not_block_and_do_not_delay() {
    each(async || {
        let (client, server) = pair().await;
        assert_eq!(server.peer(), &Peer::Tcp(client.local().unwrap()));
        assert_eq!(client.peer(), &Peer::Tcp(server.local().unwrap()));
        for socket in [client.detach().unwrap(), server.detach().unwrap()] {
            let socket = std::os::fd::OwnedFd::try_from(socket).unwrap();
            assert_eq!(rustix::io::fcntl_getfd(&socket).unwrap(), FdFlags::CLOEXEC);
            assert!(sockopt::tcp_nodelay(&socket).unwrap());
        }
    });
}

#[test]
fn a_held_port_is_refused_with_its_address() {
    for (first, second) in [(false, false), (true, true), (true, false), (false, true)] {
        let held = ListenSocket::bind(LOCALHOST, 16, first).unwrap();
        let error = ListenSocket::bind(held.local_addr(), 16, second).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().contains(&held.local_addr().to_string()),
            "{error}"
        );
        assert!(
            error.to_string().contains("something else listens there"),
            "{error}"
        );
    }
}

#[test]
fn an_address_of_no_interface_is_explained() {
    let error = ListenSocket::bind("203.0.113.1:0".parse().unwrap(), 16, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    assert!(error.to_string().contains("no interface"), "{error}");
}

#[test]
fn siblings_share_a_port_and_its_connections() {
    each(async || {
        let first = ListenSocket::bind(LOCALHOST, 64, true).unwrap();
        let second = first.sibling().unwrap();
        let address = first.local_addr();
        assert!(address.port() != 0 && second.local_addr() == address);
        let counts = [Rc::new(Cell::new(0)), Rc::new(Cell::new(0))];
        for (socket, count) in [first, second].into_iter().zip(&counts) {
            let (listener, count) = (Listener::new(socket).unwrap(), count.clone());
            spawn(async move {
                while listener.accept().await.is_some() {
                    count.set(count.get() + 1);
                }
            });
        }
        let clients: Vec<_> = (0..64)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        while counts[0].get() + counts[1].get() < clients.len() {
            sleep(millis(1)).await;
        }
        assert!(counts.iter().all(|count| count.get() > 0), "{counts:?}");
    });
}

#[test]
fn a_sibling_needs_a_shared_port() {
    let alone = ListenSocket::bind(LOCALHOST, 16, false).unwrap();
    assert_eq!(alone.sibling().unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_closed_listener_hands_out_what_was_established_and_frees_the_port() {
    each(async || {
        let listener = Rc::new(listener());
        let address = listener.local_addr();
        let _clients: Vec<_> = (0..10)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        listener.close();
        let mut accepted = 0;
        while listener.accept().await.is_some() {
            accepted += 1;
        }
        assert_eq!(accepted, 10);
        assert!(listener.accept().await.is_none(), "closed for good");
        sleep(millis(5)).await;
        assert_eq!(
            TcpStream::connect(address).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        ListenSocket::bind(address, 16, false).unwrap();
    });
}

#[test]
fn closing_ends_an_accept_that_waits() {
    each(async || {
        let listener = Rc::new(listener());
        let closer = listener.clone();
        spawn(async move {
            sleep(millis(20)).await;
            closer.close();
        });
        assert!(listener.accept().await.is_none());
    });
}

#[test]
fn a_burst_of_connections_is_accepted_to_the_last() {
    each(async || {
        let socket = ListenSocket::bind(LOCALHOST, 1024, false).unwrap();
        let address = socket.local_addr();
        let listener = Listener::new(socket).unwrap();
        let clients: Vec<_> = (0..300)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for _ in &clients {
            spawn(echo(listener.accept().await.unwrap()));
        }
        drop(clients);
        while stats().tasks > 0 {
            sleep(millis(1)).await;
        }
    });
}

#[test]
fn an_ipv4_client_of_a_dual_stack_listener_is_an_ipv4_client() {
    let Ok(_) = std::net::TcpListener::bind("[::1]:0") else {
        return;
    };
    each(async || {
        let socket = ListenSocket::bind("[::]:0".parse().unwrap(), 16, false).unwrap();
        let port = socket.local_addr().port();
        let listener = Listener::new(socket).unwrap();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let server = listener.accept().await.unwrap();
        assert_eq!(server.peer(), &Peer::Tcp(client.local_addr().unwrap()));
        assert_eq!(
            server.local().unwrap().to_string(),
            format!("127.0.0.1:{port}")
        );
    });
}
