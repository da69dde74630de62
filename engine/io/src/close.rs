//! The ways in which a connection ends, ours and the peer's.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{Shutdown, sockopt};

use crate::clock::now;
use crate::driver;
use crate::pool;
use crate::stream::Stream;

/// Time between two looks at a peer that has sent something, or ended its side, and may yet go.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Stream {
    /// Waits until the peer has gone: the connection was reset or both sides have ended. A peer
    /// that only ended its own side is still there. Consumes nothing, and may be dropped; waits
    /// in place of a receive, not beside one.
    pub async fn closed(&self) {
        loop {
            let waited = self.source.readable().await;
            if waited.is_err() || self.is_gone() {
                return;
            }
            // Unread bytes, or the end of the peer's side, keep the socket readable; waiting for
            // that again would spin.
            while self.has_input() {
                driver::sleep(LOOK_AGAIN).await;
                if self.is_gone() {
                    return;
                }
            }
        }
    }

    /// Ends our side, then reads and throws away what still comes until the peer ends its own,
    /// `bytes` have come or `time` has passed: closing with bytes unread would make the kernel
    /// send a reset, which can destroy a response on its way (RFC 9112 section 9.6). Replaces the
    /// receive deadline.
    pub async fn linger_close(&self, bytes: u64, time: Duration) {
        self.shutdown_write();
        self.set_recv_deadline(Some(now() + time));
        let mut discarded = 0;
        while discarded < bytes {
            match self.recv_sized(pool::LARGEST).await {
                Ok(lease) if !lease.is_empty() => discarded += lease.len() as u64,
                _ => break,
            }
        }
    }

    /// Cuts the connection at once so that the peer notices (a reset, over TCP). Whatever waits on
    /// the stream fails.
    pub fn abort(&self) {
        self.poisoned.set(true);
        let socket = self.source.as_fd();
        // Disconnecting a TCP socket that lingers for no time sends a reset without waiting for
        // the last holder to drop it; other sockets refuse it and are shut down instead.
        let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        if rustix::net::connect_unspec(socket).is_err() {
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
        }
    }

    fn has_input(&self) -> bool {
        self.source.is_quiet() == Some(false) || self.peek().is_ok()
    }

    fn is_gone(&self) -> bool {
        let socket = self.source.as_fd();
        // Hang-up and errors are told whether asked for or not.
        let mut watched = [PollFd::from_borrowed_fd(socket, PollFlags::empty())];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match rustix::event::poll(&mut watched, Some(&at_once)) {
            Ok(_) => !watched[0].revents().is_empty(),
            Err(_) => false,
        }
    }
}
