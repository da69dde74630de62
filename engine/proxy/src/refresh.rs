//! Asking an origin again in the background, for what was answered stale meanwhile (RFC 5861 section 3).

use std::rc::Rc;

use ringfence_io::{Lease, now, spawn};

use crate::cache::Cache;
use crate::conn::{Again, Conn};
use crate::exchange::{Arrival, Heads};
use crate::walk::walk;

/// Refreshes that one core has under way at once; what would be more is asked for by who comes later.
const MOST: usize = 256;

/// Makes a request of the connection's client once more, for the store, unless that is under way for its key.
pub(crate) fn start(client: &Conn, again: Again) {
    let Again { bytes, key } = again;
    let cache = client.worker.cache.clone();
    let mut under_way = cache.refreshes.borrow_mut();
    if under_way.len() >= MOST || !under_way.insert(key) {
        return;
    }
    drop(under_way);
    let conn = Conn::nobody(client.worker.clone(), client.peer());
    spawn(run(conn, bytes, Refresh { cache, key }));
}

async fn run(mut conn: Conn, bytes: Lease, _refresh: Refresh) {
    let mut heads = Heads::default();
    if heads.take(&bytes, &conn.worker.epoch().head_limits).is_ok() {
        let began = now();
        walk(&mut conn, &mut heads, Arrival { bytes, began }).await;
    }
}

/// A refresh under way, for as long as this lives.
struct Refresh {
    cache: Rc<Cache>,
    key: u64,
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.cache.refreshes.borrow_mut().remove(&self.key);
    }
}
