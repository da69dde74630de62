//! Connecting to an address; names are resolved elsewhere.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use ringfence_config::Endpoint;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, ipproto, socket_with, sockopt,
};

use crate::driver::{Socket, Source};
use crate::peer::Peer;
use crate::stream::Stream;

impl Stream {
    /// Connects to `endpoint`, without a delay for small sends. Dropping the future gives the
    /// attempt up; it has no time limit of its own (see [`crate::timeout_at`]).
    ///
    /// # Errors
    /// What the connection attempt met: refused, unreachable, no descriptor left. A Unix socket
    /// whose queue is full says [`io::ErrorKind::WouldBlock`].
    pub async fn connect(endpoint: &Endpoint) -> io::Result<Stream> {
        let (socket, peer) = match endpoint {
            Endpoint::Tcp(address) => (begin_tcp(*address)?, Peer::Tcp(*address)),
            Endpoint::Unix(path) => {
                let socket = new_socket(AddressFamily::UNIX)?;
                rustix::net::connect(&socket, &SocketAddrUnix::new(path.as_path())?)?;
                (socket.into(), Peer::Unix)
            }
        };
        let source = Source::new(socket)?;
        if let Peer::Tcp(_) = peer {
            source.writable().await?;
            source.connected()?;
        }
        let stream = Stream::over(source, peer);
        // Nothing comes before we have asked for it.
        stream.eager.set(false);
        Ok(stream)
    }
}

fn begin_tcp(address: SocketAddr) -> io::Result<Socket> {
    if let Some(socket) = Socket::connect_simulated(address) {
        return Ok(socket);
    }
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = new_socket(family)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => return Ok(socket.into()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn new_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let protocol = (family != AddressFamily::UNIX).then_some(ipproto::TCP);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, protocol)?)
}
