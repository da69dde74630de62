//! Binding a port, on any thread.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::driver::Socket;

/// A listening TCP socket that no core serves yet. Its backlog fills from the moment it is bound.
#[derive(Debug)]
pub struct ListenSocket {
    pub(crate) socket: Socket,
    address: SocketAddr,
    backlog: u32,
}

impl ListenSocket {
    /// Binds and listens. Port 0 takes any free port (see [`ListenSocket::local_addr`]).
    ///
    /// With `reuse_port`, other sockets of this user may join through
    /// [`ListenSocket::sibling`], and the kernel spreads connections over them; the port must
    /// all the same be free when it is bound here, so that a second instance is noticed.
    ///
    /// `[::]` takes IPv4 connections too, whatever the system's `net.ipv6.bindv6only` says.
    ///
    /// # Errors
    /// With the address and a hint: [`io::ErrorKind::AddrInUse`],
    /// [`io::ErrorKind::PermissionDenied`] (a privileged port),
    /// [`io::ErrorKind::AddrNotAvailable`] and others.
    pub fn bind(address: SocketAddr, backlog: u32, reuse_port: bool) -> io::Result<Self> {
        listen(
            address,
            backlog,
            Sharing {
                joins: false,
                shared: reuse_port,
            },
        )
        .map_err(|error| explain(error, address))
    }

    /// Another socket on the same port, for another core. Both must be bound with `reuse_port`.
    ///
    /// # Errors
    /// As [`ListenSocket::bind`].
    pub fn sibling(&self) -> io::Result<Self> {
        listen(
            self.address,
            self.backlog,
            Sharing {
                joins: true,
                shared: true,
            },
        )
        .map_err(|error| explain(error, self.address))
    }

    /// The address it is bound to, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Clone, Copy)]
struct Sharing {
    /// The port may be held already by sockets that share it.
    joins: bool,
    /// Others may join later.
    shared: bool,
}

fn listen(address: SocketAddr, backlog: u32, sharing: Sharing) -> Result<ListenSocket, Errno> {
    let simulated = Socket::listen_simulated(address, backlog, sharing.joins);
    let (socket, address) = match simulated {
        Some(listens) => listens?,
        None => listen_really(address, backlog, sharing)?,
    };
    Ok(ListenSocket {
        socket,
        address,
        backlog,
    })
}

fn listen_really(
    address: SocketAddr,
    backlog: u32,
    sharing: Sharing,
) -> Result<(Socket, SocketAddr), Errno> {
    let socket = new_socket(address, SocketType::STREAM)?;
    // Connections of an earlier run that linger in TIME_WAIT do not hold the port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    // Accepted sockets inherit this, which spares a call for each.
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, sharing.joins)?;
    rustix::net::bind(&socket, &address)?;
    // Set only after the bind: that way the bind fails where another process holds the port,
    // even one that shares it.
    sockopt::set_socket_reuseport(&socket, sharing.shared)?;
    rustix::net::listen(&socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket.into(), address))
}

/// A socket to be bound to an address. `[::]` takes IPv4 too, whatever the system's
/// `net.ipv6.bindv6only` says.
pub(crate) fn new_socket(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, kind, flags, None)?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    Ok(socket)
}

/// The error of a bind that failed, with the address and a hint.
pub(crate) fn explain(errno: Errno, address: SocketAddr) -> io::Error {
    let error = io::Error::from(errno);
    let hint = match errno {
        Errno::ADDRINUSE => "something else listens there",
        Errno::ACCESS | Errno::PERM if address.port() < 1024 => {
            "ports below 1024 are privileged: run as root, grant CAP_NET_BIND_SERVICE, \
             or lower the sysctl net.ipv4.ip_unprivileged_port_start"
        }
        Errno::ADDRNOTAVAIL => "no interface of this machine has that address",
        Errno::AFNOSUPPORT => "this machine has no such address family (is IPv6 disabled?)",
        _ => return io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")),
    };
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address}: {error}; {hint}"),
    )
}
