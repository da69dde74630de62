//! Lookup: answers from the store where that may be, or says what the origin is to be asked for it.

use std::sync::Arc;

use ringfence_cache::{Found, Key, NotStored, Object, RequestControl, Verdict};
use ringfence_http::{Method, Name, Reason};
use ringfence_io::{Lease, now, timeout_at};

use crate::bypass;
use crate::cache::{Asked, Claim, Fill, Old, Reply, Report, Served};
use crate::conn::Again;
use crate::exchange::{Exchange, Hit, Station};
use crate::forwarded::selects;
use crate::keys;
use crate::note::{SharedKey, Wish};
use crate::presence::unless_gone;
use crate::stations::join;

/// How often a request asks the key's home again, when what it was given was for other requests, before it goes alone.
const MOST_ROUNDS: u32 = 6;

/// What the store has for a request.
pub(crate) enum Look {
    Hit(Hit),
    /// It is stored, but its origin has to be asked.
    Old(Old, &'static str),
    Nothing(&'static str),
}

/// Finds what is stored for the request, and goes to the origin where that may not answer it.
pub(crate) async fn open(ex: &mut Exchange<'_>) -> Station {
    let passes_by = bypass::why(ex).map(|why| why.word());
    if let Some(why) = passes_by {
        return pass(ex, Report::of(Served::Bypass, Some(why)));
    }
    let control = RequestControl::of(ex.fields());
    let cache = ex.conn.worker.cache.clone();
    cache.catch_up().await;
    let mut shared = None;
    let mut collapsed = false;
    let mut was_given = false;
    let mut way = join::way(ex);
    for round in 0..MOST_ROUNDS {
        let (old, why) = match look(ex, &control) {
            Look::Hit(mut hit) => {
                if hit.report.outcome == Served::Updating && ex.heads.request.method == Method::Get
                {
                    ex.conn.again = Some(Box::new(again(ex)));
                }
                hit.report.collapsed = collapsed;
                return Station::Hit(hit);
            }
            Look::Old(old, why) => (Some(old), why),
            Look::Nothing(why) => (None, why),
        };
        if control.only_if_cached {
            return ex.refuse(Reason::NotCached);
        }
        let errand = Errand { control, old, why };
        let shares = not_kept(ex, &errand.control, errand.old.is_some()).is_none();
        let key = shared.get_or_insert_with(|| keys::share(ex)).clone();
        let flight = keys::flight(ex, &key);
        let wish = match (shares, was_given) {
            (false, false) => Wish::Stored,
            (false, true) => return pass(ex, Report::of(Served::Miss, Some(errand.why))),
            (true, false) => Wish::Any,
            (true, true) => Wish::Fetched,
        };
        match in_time(ex, cache.ask(&key, flight, wish, way)).await {
            Ok(Reply::Have(objects)) => {
                for object in &objects {
                    cache.keep(&key, object);
                }
                was_given = true;
                collapsed = round > 0 || cache.is_home(&key);
            }
            // It is over, and so there may be something stored.
            Ok(Reply::Join(None)) => {}
            Ok(Reply::Join(Some(flight))) => {
                let mut report = Report::of(Served::Hit, None);
                report.collapsed = true;
                report.ttl = Some(ttl(&flight.head, now().as_secs()));
                match join::enter(ex, flight, key.key(), &control, report) {
                    Ok(station) => return station,
                    Err(other) => way = other,
                }
            }
            Ok(Reply::Lead(claim)) => return fetch(ex, key, Some(claim), errand, collapsed),
            Ok(Reply::Alone) if !shares => {
                return pass(ex, Report::of(Served::Miss, Some(errand.why)));
            }
            Ok(Reply::Alone) => return fetch(ex, key, None, errand, collapsed),
            Err(Reason::ClientGone) => return ex.refuse(Reason::ClientGone),
            Err(_) => return fetch(ex, key, None, errand, collapsed),
        }
    }
    pass(ex, Report::of(Served::Miss, Some("vary-miss")))
}

/// What a request that the store cannot answer goes to the origin with.
struct Errand {
    control: RequestControl,
    old: Option<Old>,
    why: &'static str,
}

/// Goes to the origin with nothing to store.
fn pass(ex: &mut Exchange<'_>, report: Report) -> Station {
    ex.tally.cache = Some(report.outcome);
    ex.asked = Some(Box::new(Asked { report, fill: None }));
    Station::Dial
}

/// Goes to the origin for something to store.
fn fetch(
    ex: &mut Exchange<'_>,
    key: SharedKey,
    claim: Option<Claim>,
    errand: Errand,
    collapsed: bool,
) -> Station {
    let outcome = match errand.old {
        Some(_) => Served::Expired,
        None => Served::Miss,
    };
    let mut report = Report::of(outcome, Some(errand.why));
    report.collapsed = collapsed && claim.is_none();
    ex.tally.cache = Some(outcome);
    let generation = ex.conn.worker.cache.generation();
    ex.asked = Some(Box::new(Asked {
        report,
        fill: Some(Fill {
            key,
            claim,
            control: errand.control,
            old: errand.old,
            generation,
            began: now(),
            recording: None,
        }),
    }));
    Station::Dial
}

/// What is asked for again once the client has its answer.
fn again(ex: &Exchange<'_>) -> Again {
    Again {
        bytes: Lease::copy_from(&ex.bytes),
        key: keys::share(ex).hash,
    }
}

/// Looks into the store of this core.
fn look(ex: &Exchange<'_>, control: &RequestControl) -> Look {
    let worker = &ex.conn.worker;
    let mut room = worker.cache.room.borrow_mut();
    let (key, buf) = &mut *room;
    keys::write(ex, key);
    let key = Key {
        hash: worker.cache.hash(key),
        bytes: key,
    };
    let mut forwarded = None;
    let select = |object: &Arc<Object>| selects(ex, object, &mut forwarded, buf);
    let mut store = worker.cache.store.borrow_mut();
    let Some(found) = store.find(key, select) else {
        let others = store.variants(key).next().is_some();
        return Look::Nothing(why_nothing(others));
    };
    judge(ex, &found, control, ex.conn.client.is_nobody())
}

/// Why nothing is found: there are `others` under the key, or nothing (RFC 9211 section 2.2).
pub(crate) fn why_nothing(others: bool) -> &'static str {
    if others { "vary-miss" } else { "uri-miss" }
}

/// What may be done with what was found. Where it is asked `for_store`, what is stale is not answered with meanwhile.
pub(crate) fn judge(
    ex: &Exchange<'_>,
    found: &Found<'_, Arc<Object>>,
    control: &RequestControl,
    for_store: bool,
) -> Look {
    let (object, purged) = (found.value, found.softly_purged);
    let now = now().as_secs();
    let hit = |outcome| {
        let mut report = Report::of(outcome, None);
        report.ttl = Some(ttl(object, now));
        let object = object.clone();
        Look::Hit(Hit { object, report })
    };
    let verdict = match purged {
        true => object.judge_purged(now),
        false => object.judge(control, now),
    };
    match verdict {
        Verdict::Fresh => hit(Served::Hit),
        Verdict::Stale => hit(Served::Stale),
        Verdict::WhileRevalidating if for_store => {
            let old = old(ex, object, now, true, true);
            Look::Old(old, "stale")
        }
        Verdict::WhileRevalidating => hit(Served::Updating),
        Verdict::Validate { if_error, if_gone } => {
            let fresh = !purged && object.freshness.staleness(now).is_none();
            let why = if fresh { "request" } else { "stale" };
            Look::Old(old(ex, object, now, if_error, if_gone), why)
        }
    }
}

fn old(ex: &Exchange<'_>, object: &Arc<Object>, now: u64, if_error: bool, if_gone: bool) -> Old {
    let rules = ex.rules();
    let by = object.freshness.staleness(now).unwrap_or(0);
    let served = rules.serve_stale.is_some_and(|most| by < most.as_secs());
    Old {
        object: object.clone(),
        if_error: if_error || served,
        if_gone: if_gone || served,
    }
}

/// Seconds for which a response stays fresh; negative once it is stale.
pub(crate) fn ttl(object: &Object, now: u64) -> i64 {
    let number = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    number(object.freshness.lifetime).saturating_sub(number(object.age(now)))
}

/// Why others cannot be given what the origin sends for this request, whatever it is; `validates` where it is asked whether
/// what is stored still holds.
pub(crate) fn not_kept(
    ex: &Exchange<'_>,
    control: &RequestControl,
    validates: bool,
) -> Option<&'static str> {
    let head = &ex.heads.request;
    if head.method != Method::Get {
        return Some(NotStored::Method.word());
    }
    if head.fields.has(Name::Range) && !validates {
        return Some("range");
    }
    control.no_store.then(|| NotStored::RequestNoStore.word())
}

/// Waits for an answer, no longer than for an origin.
async fn in_time(ex: &Exchange<'_>, asking: impl Future<Output = Reply>) -> Result<Reply, Reason> {
    let limit = ex.route().timeouts.first_byte;
    let (until, late) = ex.deadline(now() + limit, Reason::FirstByteTimeout);
    let answered = unless_gone(&ex.conn.client, timeout_at(until, asking)).await;
    answered.ok_or(Reason::ClientGone)?.map_err(|_| late)
}
