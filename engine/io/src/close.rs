//! The ways in which a connection ends, ours and the peer's.

use std::time::Duration;

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
        self.shutdown_write().await;
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
        self.source.cut();
    }

    fn has_input(&self) -> bool {
        self.source.is_quiet() == Some(false) || self.source.peek().is_ok()
    }

    fn is_gone(&self) -> bool {
        self.source.is_hung_up()
    }
}
