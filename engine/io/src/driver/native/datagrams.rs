//! Datagrams that the kernel receives ahead, each into a provided buffer of its own.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use rustix::net::AddressFamily;

use super::core::Core;
use super::ring::SENDER;
use super::slots::End;
use super::source::{Source, wait};
use crate::driver::incoming::{Arrival, Datagram, Wish};
use crate::lease::Lease;

/// Bytes of what the kernel writes first: the lengths of the address, of control data and of the
/// payload, and flags.
const LENGTHS: usize = 16;

impl Source {
    /// A datagram that has been received ahead, or when the caller is to read for itself.
    pub(crate) fn poll_datagram(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        self.on_core(|core| {
            if let Some(lease) = self.next_datagram(core) {
                return Poll::Ready(read(lease).map(Arrival::Datagram));
            }
            let slot = core.slots.owned(self.key);
            if let Some(End::Failed(errno)) = slot.end.take() {
                return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
            }
            if slot.receiving {
                return wait(&mut slot.reader, cx);
            }
            if slot.bulk > 0 {
                return self.poll_bulk(core, cx).map_ok(|()| Arrival::Read);
            }
            let polled = wait(&mut slot.reader, cx);
            core.receive_datagrams(self.key, self.fd().as_raw_fd());
            polled
        })
    }

    fn next_datagram(&self, core: &mut Core) -> Option<Lease> {
        let slot = core.slots.owned(self.key);
        if slot.unread.is_empty() {
            return None;
        }
        core.unread -= 1;
        // So little is wished for that no two are joined.
        Some(slot.unread.take(Wish {
            eager: false,
            most: 1,
        }))
    }
}

/// What the kernel has written: lengths, sender, payload.
fn read(mut lease: Lease) -> io::Result<Datagram> {
    let head = lease
        .first_chunk::<{ LENGTHS + SENDER }>()
        .ok_or(io::ErrorKind::InvalidData)?;
    let flags = u32::from_ne_bytes(*at(head, 12));
    let from = sender(*at(head, LENGTHS)).ok_or(io::ErrorKind::InvalidData)?;
    lease.advance(LENGTHS + SENDER);
    Ok(Datagram::new(
        lease,
        from,
        flags & libc::MSG_TRUNC as u32 != 0,
    ))
}

/// Bytes within a head that has room for them.
fn at<const N: usize>(head: &[u8], start: usize) -> &[u8; N] {
    head[start..]
        .first_chunk()
        .expect("it lies within the head")
}

/// The address in a `sockaddr_in` or `sockaddr_in6`.
fn sender(name: [u8; SENDER]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*at(&name, 0));
    let port = u16::from_be_bytes(*at(&name, 2));
    if family == AddressFamily::INET.as_raw() {
        let ip = Ipv4Addr::from(*at::<4>(&name, 4));
        return Some((ip, port).into());
    }
    (family == AddressFamily::INET6.as_raw()).then(|| {
        let ip = Ipv6Addr::from(*at::<16>(&name, 8));
        let flow = u32::from_ne_bytes(*at(&name, 4));
        let scope = u32::from_ne_bytes(*at(&name, 24));
        SocketAddrV6::new(ip, port, flow, scope).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_read_as_the_kernel_writes_them() {
        let mut name = [0; SENDER];
        name[..2].copy_from_slice(&AddressFamily::INET.as_raw().to_ne_bytes());
        name[2..8].copy_from_slice(&[0x1F, 0x90, 192, 0, 2, 7]);
        assert_eq!(sender(name), "192.0.2.7:8080".parse().ok());
        name[..2].copy_from_slice(&AddressFamily::INET6.as_raw().to_ne_bytes());
        name[4..8].fill(0);
        name[8] = 0xFE;
        name[9] = 0x80;
        name[23] = 1;
        name[24..28].copy_from_slice(&3u32.to_ne_bytes());
        assert_eq!(sender(name), "[fe80::1%3]:8080".parse().ok());
        name[..2].copy_from_slice(&AddressFamily::UNIX.as_raw().to_ne_bytes());
        assert_eq!(sender(name), None);
    }

    #[test]
    fn what_is_too_short_for_a_head_is_no_datagram() {
        let short = Lease::copy_from(&[0; LENGTHS + SENDER - 1]);
        assert_eq!(read(short).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
