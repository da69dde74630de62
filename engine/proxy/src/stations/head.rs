//! Head: waits for a request and receives its head.

use std::io::ErrorKind;
use std::time::Duration;

use ringfence_http::{Fault, Reason};
use ringfence_io::now;

use crate::conn::Conn;
use crate::exchange::Arrival;
use crate::pace::MinRate;

/// What came instead of a head that we accept.
pub(crate) struct Malformed {
    pub(crate) fault: Fault,
    /// When its first byte was seen.
    pub(crate) began: Duration,
}

/// The next request on the connection; nothing when the client has gone or was idle for too
/// long; an error when what it sent is no head that we accept.
pub(crate) async fn receive(conn: &mut Conn) -> Result<Option<Arrival>, Malformed> {
    if conn.pending.is_empty() && !wait_idle(conn).await {
        return Ok(None);
    }
    let began = now();
    let epoch = conn.worker.epoch();
    let malformed = |fault| Malformed { fault, began };
    let mut heads = conn.worker.take_heads();
    let rate = MinRate::of(&epoch.plan.limits);
    let whole = (began + epoch.plan.timeouts.head, Reason::HeadTimeout);
    loop {
        let parsed = heads.request.parse(&conn.pending, &epoch.head_limits);
        if let Some(len) = parsed.map_err(malformed)? {
            let bytes = conn.pending.split_to(len);
            return Ok(Some(Arrival {
                heads,
                bytes,
                began,
            }));
        }
        let (until, late) = rate.sooner(whole, began, conn.pending.len() as u64);
        conn.stream.set_recv_deadline(Some(until));
        match conn.stream.recv_more(&mut conn.pending).await {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(malformed(late.into()));
            }
            Err(_) => return Ok(None),
        }
    }
}

/// Waits for the first bytes of a request; false when there will be none.
async fn wait_idle(conn: &mut Conn) -> bool {
    conn.set_idle(true);
    conn.stream.set_recv_deadline(Some(conn.idle_until()));
    let received = conn.stream.recv().await;
    conn.set_idle(false);
    match received {
        Ok(bytes) => {
            conn.pending = bytes;
            !conn.pending.is_empty()
        }
        Err(error) => {
            if error.kind() == ErrorKind::TimedOut && !conn.worker.is_draining() {
                conn.worker.stats.refused(Reason::IdleTimeout);
            }
            false
        }
    }
}
