//! Asking an origin again in the background, for what was answered stale meanwhile (RFC 5861 section 3).

use std::pin::Pin;
use std::rc::Rc;

use ringfence_io::{Lease, now, spawn};

use crate::cache::Cache;
use crate::conn::Conn;
use crate::exchange::{Arrival, Exchange, Heads};
use crate::walk::walk;

/// Refreshes that one core has under way at once; what would be more is asked for by who comes later.
const MOST: usize = 256;

/// Sends the exchange's request once more, for the store, unless that is under way for the key with this hash.
pub(crate) fn start(ex: &Exchange<'_>, key: u64) {
    let cache = ex.conn.worker.cache.clone();
    let mut under_way = cache.refreshes.borrow_mut();
    if under_way.len() >= MOST || !under_way.insert(key) {
        return;
    }
    drop(under_way);
    let conn = Conn::nobody(ex.conn.worker.clone(), ex.conn.peer());
    let refresh = Refresh { cache, key };
    let again: Pin<Box<dyn Future<Output = ()>>> =
        Box::pin(run(conn, Lease::copy_from(&ex.bytes), refresh));
    spawn(again);
}

async fn run(mut conn: Conn, bytes: Lease, _refresh: Refresh) {
    let mut heads = Heads::default();
    let limits = conn.worker.epoch().head_limits;
    if let Ok(Some(_)) = heads.request.parse(&bytes, &limits) {
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
