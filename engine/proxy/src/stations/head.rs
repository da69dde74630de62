//! Head: waits for a request and receives its head.

use std::io::ErrorKind;

use ringfence_http::{Fault, Reason};
use ringfence_io::now;

use crate::conn::Conn;
use crate::exchange::Arrival;
use crate::pace::MinRate;

/// The next request on the connection; nothing when the client has gone or was idle for too
/// long; a fault when what it sent is no head that we accept.
pub(crate) async fn receive(conn: &mut Conn) -> Result<Option<Arrival>, Fault> {
    if conn.pending.is_empty() && !wait_idle(conn).await {
        return Ok(None);
    }
    let began = now();
    let epoch = conn.worker.epoch();
    let mut heads = conn.worker.take_heads();
    let rate = MinRate::of(&epoch.plan.limits);
    let whole = (began + epoch.plan.timeouts.head, Reason::HeadTimeout);
    loop {
        if let Some(len) = heads.request.parse(&conn.pending, &epoch.head_limits)? {
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
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(late.into()),
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
        Err(_) => false,
    }
}
