//! Head: waits for a request and receives its head.

use std::io::ErrorKind;
use std::time::Duration;

use ringfence_http::{Fault, Reason, RequestHead};
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

/// Waits for the first bytes of a request; false when there will be none: the client has gone or was idle for too long.
pub(crate) async fn is_coming(conn: &mut Conn) -> bool {
    if !conn.pending.is_empty() {
        return true;
    }
    conn.set_idle(true);
    conn.stream().set_recv_deadline(Some(conn.idle_until()));
    let received = conn.stream().recv().await;
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

/// The request whose first bytes are there, once its head, parsed in `head`, is whole; nothing when the client has gone;
/// an error when what it sent is no head that we accept.
pub(crate) async fn receive(
    conn: &mut Conn,
    head: &mut RequestHead,
) -> Result<Option<Arrival>, Malformed> {
    let began = now();
    let epoch = conn.worker.epoch();
    let malformed = |fault| Malformed { fault, began };
    let rate = MinRate::of(&epoch.plan.limits);
    let stream = conn.stream().clone();
    let whole = (began + epoch.plan.timeouts.head, Reason::HeadTimeout);
    loop {
        let parsed = head.parse(&conn.pending, &epoch.head_limits);
        if let Some(len) = parsed.map_err(malformed)? {
            let bytes = conn.pending.split_to(len);
            return Ok(Some(Arrival { bytes, began }));
        }
        let (until, late) = rate.sooner(whole, began, conn.pending.len() as u64);
        stream.set_recv_deadline(Some(until));
        match stream.recv_more(&mut conn.pending).await {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(malformed(late.into()));
            }
            Err(_) => return Ok(None),
        }
    }
}
