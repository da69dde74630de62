//! Dial: picks a server and gets a connection to it.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ringfence_balance::{Want, hash_key};
use ringfence_config::{Balance, Endpoint, HashKey};
use ringfence_http::Reason;
use ringfence_io::{Stream, is_shortage, now, sleep, timeout_at};

use crate::exchange::{Exchange, Station};
use crate::lane::Ticket;
use crate::pool::Link;
use crate::presence::unless_gone;
use crate::retry;

/// How long a connection waits for a descriptor to come free, before each further try.
const SHORTAGE_PAUSES: [Duration; 4] = [
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
];

/// Picks a server, waits for a place on it where that is needed, and connects or reuses.
pub(crate) async fn open(ex: &mut Exchange<'_>) -> Station {
    if ex.is_in_vain() {
        return ex.refuse(Reason::NotCached);
    }
    let lane = ex.lane().clone();
    let asked = now();
    if ex.tried.is_empty() {
        lane.record_request(asked);
    }
    let (until, late) = ex.deadline(asked + ex.route().timeouts.queue, Reason::QueueTimeout);
    let want = want(ex);
    let sticky = want.sticky;
    let admitted = match lane.admit(&want) {
        Ok(Some(ticket)) => Ok(ticket),
        Ok(None) => unless_gone(&ex.conn.client, lane.queue(&want, until))
            .await
            .unwrap_or(Err(Reason::ClientGone)),
        Err(reason) => Err(reason),
    };
    let ticket = match admitted {
        Ok(ticket) => ticket,
        Err(Reason::QueueTimeout) => return ex.refuse(late),
        Err(reason) => return ex.refuse(reason),
    };
    ex.facts.set_cookie = cookie_to_set(ex, &ticket, sticky);
    let picked = now();
    ex.tally.queued = (picked - asked >= Duration::from_micros(100)).then_some(picked - asked);
    ex.tally.picked = Some(picked);
    ex.tally.server = Some(ticket.ix());
    ex.tried.push(ticket.ix());
    let berth = ex.epoch.berth(ex.upstream(), ticket.ix());
    match ex.conn.worker.reuse(&berth) {
        Some(link) => connected(ex, ticket, link),
        None => anew(ex, ticket).await,
    }
}

/// What the request wants of its server.
pub(crate) fn want<'e>(ex: &'e Exchange<'_>) -> Want<'e> {
    Want {
        key: key(ex),
        sticky: sticky_value(ex),
        tried: &ex.tried,
    }
}

/// Connects to the ticket's server.
pub(crate) async fn anew(ex: &mut Exchange<'_>, ticket: Ticket) -> Station {
    let began = now();
    let (until, late) = ex.deadline(began + ex.route().timeouts.connect, Reason::ConnectTimeout);
    let stats = &ex.conn.worker.stats;
    let reason = match timeout_at(until, connect(ex, &ticket.server().endpoint)).await {
        Ok(Ok(stream)) => {
            stats.upstream_connects.inc();
            return connected(ex, ticket, Link::fresh(stream, began));
        }
        // That says nothing of the server: its place is given back without a verdict.
        Ok(Err(error)) if is_shortage(&error) => return ex.refuse(Reason::Overload),
        Ok(Err(_)) => Reason::ConnectFailed,
        // The time was spent before: nothing was learnt of the server.
        Err(_) if late == Reason::RequestTimeout && !ex.had_most(began) => return ex.refuse(late),
        Err(_) => late,
    };
    stats.upstream_connect_failures.inc();
    ticket.failed();
    retry::after_connect(ex, reason)
}

/// Connects; where descriptors run out, idle connections are closed for it.
async fn connect(ex: &Exchange<'_>, endpoint: &Endpoint) -> io::Result<Stream> {
    for pause in SHORTAGE_PAUSES {
        match Stream::connect(endpoint).await {
            Err(error) if is_shortage(&error) => {
                ex.conn.worker.close_idle(&ex.epoch);
                sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
    Stream::connect(endpoint).await
}

fn connected(ex: &mut Exchange<'_>, ticket: Ticket, link: Link) -> Station {
    ex.tally.connected = Some(now());
    Station::Ask(ticket, link)
}

/// The hash of what the upstream balances by.
fn key(ex: &Exchange<'_>) -> Option<u64> {
    let upstream = &ex.lane().group.upstream;
    let head = &ex.heads.request;
    let by_ip = || Some(hash_ip(ex.facts.client));
    match (upstream.balance, &upstream.hash_key) {
        (Balance::IpHash, _) | (Balance::ConsistentHash, HashKey::Ip) => by_ip(),
        (Balance::ConsistentHash, HashKey::Header(name)) => head
            .find(&ex.bytes, name.as_bytes())
            .map(hash_key)
            .or_else(by_ip),
        (Balance::ConsistentHash, HashKey::Cookie(name)) => {
            ex.fields().cookie(name).map(hash_key).or_else(by_ip)
        }
        (Balance::ConsistentHash, HashKey::Path) => Some(hash_key(ex.path())),
        _ => None,
    }
}

fn hash_ip(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => hash_key(&ip.octets()),
        IpAddr::V6(ip) => hash_key(&ip.octets()),
    }
}

fn sticky_value<'e>(ex: &'e Exchange<'_>) -> Option<&'e [u8]> {
    ex.fields().cookie(&ex.sticky()?.cookie)
}

/// The value to give out, where the request did not come with it.
fn cookie_to_set(ex: &Exchange<'_>, ticket: &Ticket, sent: Option<&[u8]>) -> Option<String> {
    let value = ex.lane().group.sticky_value(ticket.ix())?;
    (sent != Some(value.as_bytes())).then(|| value.to_owned())
}
