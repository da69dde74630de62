//! Requests that are made for the cache alone: what they bring is stored, and told to nobody.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ringfence_cache::{Object, PART, REALM};
use ringfence_http::Reason;
use ringfence_io::{Lease, next_turn, now, spawn, timeout_at};
use ringfence_telemetry::{Fetched, Target, Targets};

use crate::client::Absent;
use crate::conn::Conn;
use crate::exchange::{Arrival, Heads};
use crate::house::{House, Order};
use crate::question::{Errand, head};
use crate::walk::walk;
use crate::worker::Worker;

/// Softly purged responses that one worker tells of.
const MOST_LISTED: usize = 10_000;

/// Stored responses that are looked at in one turn.
const SLICE: usize = 1_024;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Has a worker ask for a URL, with these field lines, for its cache alone, from any thread. `done` is told what became of it, or
/// dropped where the worker ends before.
pub fn fetch(
    house: &House,
    url: &str,
    fields: &[String],
    done: impl FnOnce(Fetched) + Send + 'static,
) {
    let head: Arc<[u8]> = head("GET", url, fields).into();
    // The same worker for the same URL: what it has is not asked for by another.
    let at = house.hash(url.as_bytes()) % house.posts.len().max(1) as u64;
    house.posts[at as usize].post(Order::Fetch(Errand {
        head,
        done: Box::new(done),
    }));
}

/// Has every worker say what it has stored that was purged softly, as requests that would have it validated, from any thread.
#[must_use]
pub fn softly_purged(house: &House) -> Receiver<Targets> {
    let (answer, answers) = channel();
    for post in &house.posts {
        post.post(Order::SoftlyPurged(answer.clone()));
    }
    answers
}

/// Tells what the worker has stored that was purged softly, and of which is known how it was asked for: by its URL and what
/// selects it. A task, as [`explain::start`](crate::explain::start) is one.
pub(crate) fn start_list(worker: &Rc<Worker>, answer: Sender<Targets>) {
    spawn(list(worker.clone(), answer));
}

async fn list(worker: Rc<Worker>, answer: Sender<Targets>) {
    let mut targets = Vec::new();
    let mut end = worker.cache.store.borrow().stats().entries;
    while end > 0 && targets.len() <= MOST_LISTED {
        let start = end.saturating_sub(SLICE);
        {
            let store = worker.cache.store.borrow();
            let stored = store.softly_purged(start..end);
            targets.extend(stored.filter_map(|(key, object)| target(key, object)));
        }
        end = start;
        next_turn().await;
    }
    let has_more = targets.len() > MOST_LISTED;
    targets.truncate(MOST_LISTED);
    // Whoever asked may have stopped waiting.
    drop(answer.send(Targets { targets, has_more }));
}

fn target(key: &[u8], object: &Object) -> Option<Target> {
    let mut parts = key.get(REALM..)?.split(|byte| *byte == PART);
    let url = str::from_utf8(parts.next()?).ok()?;
    // Without its host or scheme it is no URL, and what else counted is not known by its name.
    if !url.starts_with("http://")
        || url.starts_with("http:///")
        || parts.any(|part| !part.is_empty())
    {
        return None;
    }
    let line = |(name, value)| {
        let (name, value) = (str::from_utf8(name).ok()?, str::from_utf8(value).ok()?);
        Some(format!("{name}: {value}"))
    };
    Some(Target {
        url: url.to_owned(),
        headers: object.selecting().map(line).collect::<Option<_>>()?,
    })
}

/// Begins a request for the cache alone.
pub(crate) fn start(worker: &Rc<Worker>, errand: Errand) {
    spawn(run(worker.clone(), errand));
}

async fn run(worker: Rc<Worker>, errand: Errand) {
    let Errand { head, done } = errand;
    done(made(worker, &head).await);
}

async fn made(worker: Rc<Worker>, head: &[u8]) -> Fetched {
    let mut heads = Heads::default();
    let bytes = Lease::copy_from(head);
    if let Err(reason) = heads.take(&bytes, &worker.epoch().head_limits) {
        return refused(reason);
    }
    let absent = Absent::new(IpAddr::V4(Ipv4Addr::LOCALHOST), true);
    let mut conn = Conn::absent(worker, absent.clone());
    let began = now();
    let walked = walk(&mut conn, &mut heads, Arrival { bytes, began });
    if timeout_at(began + LIMIT, walked).await.is_err() {
        return refused(Reason::RequestTimeout);
    }
    absent.told()
}

fn refused(reason: Reason) -> Fetched {
    Fetched {
        status: reason.status(),
        reason: Some(reason.word().to_owned()),
        ..Fetched::default()
    }
}
