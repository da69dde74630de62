//! What of the store a request takes with it.

use ringfence_cache::{Head, Purge};

use crate::exchange::{Call, Exchange};
use crate::note::Purged;
use crate::tags;

/// Purges what a request has changed (RFC 9111 section 4.4), and what the route says that it changes.
pub(crate) fn by_response(ex: &Exchange<'_>, call: &Call) {
    let failed = ex.heads.response.status >= 400;
    if ex.heads.request.method.is_safe() || failed {
        return;
    }
    if ex.route().cache.is_some() {
        let cache = &ex.conn.worker.cache;
        let purge = |tag| cache.purge(Purged::Tag(tag), Purge::Hard);
        discard(ex);
        let response = Head::of_response(&ex.heads.response, &call.head);
        tags::named(ex, response).into_iter().for_each(purge);
    }
    if !ex.route().purges.is_empty() {
        purge_by_route(ex);
    }
}

fn purge_by_route(ex: &Exchange<'_>) {
    let cache = &ex.conn.worker.cache;
    let params = ex.params();
    let mut text = Vec::new();
    for template in &ex.route().purges {
        text.clear();
        template.render(&params, &mut text);
        cache.purge(Purged::Tag(tags::hash(cache, &text)), Purge::Hard);
    }
}

/// What is stored for the request must not be used again.
pub(crate) fn discard(ex: &Exchange<'_>) {
    let query = ex.heads.request.query.map(|query| query.of(&ex.bytes));
    for tag in tags::own_url(ex, ex.path(), query) {
        let cache = &ex.conn.worker.cache;
        cache.purge(Purged::Tag(tag), Purge::Hard);
    }
}
