//! An address where connecting neither succeeds nor fails: somebody listens and never accepts.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// A listening socket whose queue is full; connecting to it takes for ever.
#[derive(Debug)]
pub struct ClosedDoor {
    socket: Socket,
    _waiting: Vec<TcpStream>,
}

impl ClosedDoor {
    /// Opens one and fills its queue.
    pub fn new() -> ClosedDoor {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0))))
            .expect("bind");
        socket.listen(0).expect("listen");
        let address = socket
            .local_addr()
            .ok()
            .and_then(|a| a.as_socket())
            .expect("an address");
        let knock = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let waiting: Vec<TcpStream> = (0..8).map_while(|_| knock().ok()).collect();
        assert!(waiting.len() < 8, "the queue does not fill");
        ClosedDoor {
            socket,
            _waiting: waiting,
        }
    }

    /// The address as the configuration file writes it.
    pub fn address(&self) -> String {
        let address = self.socket.local_addr().ok().and_then(|a| a.as_socket());
        address.expect("an address").to_string()
    }
}

impl Default for ClosedDoor {
    fn default() -> ClosedDoor {
        ClosedDoor::new()
    }
}
