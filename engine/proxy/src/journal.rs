//! What an exchange leaves behind: counts and an access-log record.

use std::time::Duration;

use ringfence_config::Action;
use ringfence_http::{Name, Reason, RequestHead, Span, Version};
use ringfence_io::{now, unix_now};
use ringfence_telemetry::{CacheOutcomes, Part, Record, Stations};

use crate::cache::Served;
use crate::conn::Conn;
use crate::exchange::{Exchange, Tally};

/// Room for the texts of an ordinary record.
const TEXT_BYTES: usize = 512;

/// Counts a finished exchange.
pub(crate) fn count(ex: &Exchange<'_>, elapsed: Duration) {
    let stats = &ex.conn.worker.stats;
    stats.bytes_in.add(ex.tally.bytes_in);
    stats.bytes_out.add(ex.tally.bytes_out);
    if let Some(reason) = ex.tally.reason {
        stats.refused(reason);
    }
    match ex.facts.route {
        Some(route) => {
            let route = &ex.epoch.routes[route.index()];
            route.record(ex.tally.status, elapsed);
            if let Some(served) = ex.tally.cache {
                count_served(&stats.cache, served);
                count_served(&route.cache, served);
            }
        }
        None => ex.epoch.unrouted.record(ex.tally.status, elapsed),
    }
}

fn count_served(outcomes: &CacheOutcomes, served: Served) {
    let counter = match served {
        Served::Hit => &outcomes.hits,
        Served::Miss => &outcomes.misses,
        Served::Stale | Served::Updating => &outcomes.stale,
        Served::Revalidated => &outcomes.revalidated,
        Served::Expired => &outcomes.expired,
        Served::Bypass => &outcomes.bypassed,
    };
    counter.inc();
}

/// Hands the access-log record of a finished exchange to the log writer.
pub(crate) fn write(ex: &Exchange<'_>, elapsed: Duration) {
    if !ex.epoch.logs() {
        return;
    }
    let mut record = Record::new(unix_now().saturating_sub(elapsed), TEXT_BYTES);
    record.client = Some(ex.facts.client);
    record.version = ex.heads.request.version;
    record.status = ex.tally.status;
    record.bytes_in = ex.tally.bytes_in;
    record.bytes_out = ex.tally.bytes_out;
    record.duration = elapsed;
    record.stations = stations(&ex.tally);
    record.retries = ex.tally.retries;
    record.reason = ex.tally.reason;
    set_request_texts(&mut record, ex);
    set_served_by(&mut record, ex);
    ex.conn.worker.log.push(record);
}

/// What is known of bytes that were no request.
pub(crate) struct Refused<'a> {
    pub(crate) reason: Reason,
    pub(crate) began: Duration,
    pub(crate) id: &'a [u8],
    /// Body bytes of our answer.
    pub(crate) bytes_out: u64,
}

/// Counts and logs bytes that were no request.
pub(crate) fn malformed(conn: &Conn, refused: &Refused<'_>) {
    let worker = &conn.worker;
    let epoch = worker.epoch();
    let Refused { reason, began, .. } = *refused;
    let elapsed = now().saturating_sub(began);
    worker.stats.refused(reason);
    worker.stats.bytes_out.add(refused.bytes_out);
    epoch.unrouted.record(reason.status(), elapsed);
    if !epoch.logs() {
        return;
    }
    let mut record = Record::new(unix_now().saturating_sub(elapsed), refused.id.len());
    record.set(Part::RequestId, refused.id);
    record.bytes_out = refused.bytes_out;
    record.client = Some(conn.peer());
    record.version = Version::Http11;
    record.status = reason.status();
    record.duration = elapsed;
    record.reason = Some(reason);
    worker.log.push(record);
}

fn set_request_texts(record: &mut Record, ex: &Exchange<'_>) {
    let (head, bytes) = (&ex.heads.request, &*ex.bytes);
    record.set(Part::RequestId, ex.request_id());
    record.set(Part::Method, head.method_text.of(bytes));
    record.set(Part::Target, target(head).of(bytes));
    record.set(Part::Host, head.authority.of(bytes));
    for (part, name) in [
        (Part::UserAgent, Name::UserAgent),
        (Part::Referer, Name::Referer),
    ] {
        if let Some(value) = head.get(bytes, name) {
            record.set(part, value);
        }
    }
}

/// The path and query as they were sent.
fn target(head: &RequestHead) -> Span {
    let end = head.query.map_or(head.path.end(), Span::end);
    Span {
        start: head.path.start,
        len: end as u32 - head.path.start,
    }
}

fn set_served_by(record: &mut Record, ex: &Exchange<'_>) {
    let Some(route) = ex.facts.route else { return };
    let route = ex.epoch.plan.route(route);
    record.set(Part::Route, route.name.as_bytes());
    if let Action::Upstream(upstream) = route.action {
        let group = &ex.epoch.lanes[upstream.index()].group;
        record.set(Part::Upstream, group.name.as_bytes());
        if let Some(server) = ex.tally.server {
            record.set(Part::Server, group.servers[server].label.as_bytes());
        }
    }
}

fn stations(tally: &Tally) -> Stations {
    let between = |from: Option<Duration>, to: Option<Duration>| Some(to?.saturating_sub(from?));
    let done = Some(now());
    Stations {
        head: between(Some(tally.began), Some(tally.head_done)),
        queue: tally.queued,
        connect: between(tally.picked, tally.connected),
        first_byte: between(tally.connected, tally.first_byte),
        relay: tally
            .first_byte
            .and_then(|_| between(tally.first_byte, done)),
    }
}
