//! Keep: what becomes of a response in the store, as it passes from Answer to Relay.

use std::sync::Arc;

use ringfence_cache::{
    Asked as Request, Circumstances, Head, Heuristic, Object, Purge, Received, Vary, in_force,
    storable, user,
};
use ringfence_config::Params;
use ringfence_http::{Framing, ResponseHead};
use ringfence_io::{now, unix_now};

use crate::body::{Body, Piece};
use crate::cache::{Fill, Purged, Recording, Report, Served};
use crate::exchange::{Call, Exchange, Hit};
use crate::forwarded::{self, Forwarded};
use crate::retry::Failure;
use crate::stations::lookup::{request, ttl};
use crate::tags;

/// Looks at the head of a final response: gives what to answer with instead where it says that what is stored still holds,
/// fails where what is stored is to stand in for it, and else begins to record what is to be stored.
pub(crate) fn receive(
    ex: &mut Exchange<'_>,
    call: &Call,
    body: &mut Body,
) -> Result<Option<Hit>, Failure> {
    invalidate(ex, call);
    let Some(mut asked) = ex.asked.take() else {
        return Ok(None);
    };
    let status = ex.heads.response.status;
    match asked.fill.take() {
        None => {}
        Some(fill) if status == 304 && fill.old.is_some() => return Ok(refresh(ex, call, fill)),
        Some(fill) if may_stand_in(status, &fill) => {
            asked.fill = Some(fill);
            ex.asked = Some(asked);
            return Err(Failure::Stale);
        }
        Some(mut fill) => match begin(ex, call, &fill) {
            Ok(recording) => {
                body.see_all();
                fill.recording = Some(recording);
                asked.report.stored = true;
                asked.fill = Some(fill);
            }
            Err(why) => {
                asked.report.detail = Some(why);
                release(fill);
            }
        },
    }
    ex.asked = Some(asked);
    Ok(None)
}

/// Records a piece of the body; with the last one, stores the response.
pub(crate) fn record(ex: &mut Exchange<'_>, piece: &Piece) {
    let Some(fill) = ex.asked.as_mut().and_then(|asked| asked.fill.as_mut()) else {
        return;
    };
    let Some(recording) = &mut fill.recording else {
        return;
    };
    let fits = recording.body.len() + piece.data.len() <= recording.most;
    if fits {
        recording.body.extend_from_slice(&piece.data);
    }
    if fits && !piece.done {
        return;
    }
    let fill = ex.asked.as_mut().and_then(|asked| asked.fill.take());
    match (fill, fits) {
        (Some(fill), true) => finish(ex, fill),
        (Some(fill), false) => release(fill),
        (None, _) => {}
    }
}

/// What is stored stands in for what came, or for what did not come. Then it is not fetched for others: each finds that out.
pub(crate) fn stand_in(ex: &mut Exchange<'_>, answered: bool) -> Option<Hit> {
    let asked = ex.asked.take()?;
    let old = asked.fill?.old?;
    let allowed = if answered { old.if_error } else { old.if_gone };
    if !allowed || ex.tally.answered {
        return None;
    }
    let mut report = Report::of(Served::Stale, Some("stale"));
    report.ttl = Some(ttl(&old.object, now().as_secs()));
    report.detail = Some(if answered { "error" } else { "unreachable" });
    Some(Hit {
        object: old.object,
        report,
    })
}

/// Whether what is stored is to be used rather than this response (RFC 5861 section 4).
fn may_stand_in(status: u16, fill: &Fill) -> bool {
    let failed = matches!(status, 500 | 502 | 503 | 504);
    failed && fill.old.as_ref().is_some_and(|old| old.if_error)
}

/// What is stored still holds: stores it anew with the fields that came, and gives it.
fn refresh(ex: &Exchange<'_>, call: &Call, fill: Fill) -> Option<Hit> {
    let old = fill.old.as_ref()?.object.clone();
    let response = response(ex, &call.head);
    let vary = Vary::of(old.head());
    let again = with_circumstances(ex, &fill, response, &vary, |circumstances| {
        old.refreshed(&ex.heads.response, &call.head, circumstances)
    });
    let mut report = Report::of(Served::Revalidated, Some("stale"));
    let object = match again {
        Ok(object) => {
            let object = Arc::new(object);
            report.stored = keep(ex, fill, &object);
            object
        }
        // It cannot be written anew, but it may still answer this once.
        Err(_) => old,
    };
    report.ttl = Some(ttl(&object, now().as_secs()));
    Some(Hit { object, report })
}

/// Begins to record a response, or says why it is not stored.
fn begin(ex: &Exchange<'_>, call: &Call, fill: &Fill) -> Result<Recording, &'static str> {
    let rules = ex.route().cache.as_ref().expect("only such routes fill");
    let head = &ex.heads.response;
    let response = response(ex, &call.head);
    let personal = user(request(ex), rules).is_some();
    let control = in_force(rules, response, head.status, personal);
    let asked = Request {
        method: ex.heads.request.method,
        head: request(ex),
        control: fill.control,
    };
    storable(&asked, response, head.status, &control).map_err(|why| why.word())?;
    let most = usize::try_from(rules.max_object).unwrap_or(usize::MAX);
    let expected = match head.framing {
        Framing::Length(length) if length > most as u64 => return Err("too-large"),
        Framing::Length(length) => length as usize,
        // Its end cannot be told from a connection that broke.
        Framing::UntilClose => return Err("no-length"),
        Framing::None | Framing::Chunked => 0,
    };
    if !tags::fit(ex, response) {
        return Err("too-many-tags");
    }
    let uses = ex.conn.worker.cache.uses(&fill.key);
    if uses < rules.min_uses {
        return Err("min-uses");
    }
    Ok(Recording {
        head: call.head.clone(),
        body: Vec::with_capacity(expected),
        most,
    })
}

fn finish(ex: &Exchange<'_>, mut fill: Fill) {
    let Some(Recording { head, body, .. }) = fill.recording.take() else {
        return;
    };
    let rules = ex.route().cache.as_ref().expect("only such routes fill");
    let response = response(ex, &head);
    let vary = Vary::of(response);
    let personal = user(request(ex), rules).is_some();
    let parsed: &ResponseHead = &ex.heads.response;
    let control = in_force(rules, response, parsed.status, personal);
    let made = with_circumstances(ex, &fill, response, &vary, |circumstances| {
        Object::new(parsed, &head, control, body.into(), circumstances)
    });
    if let Ok(object) = made {
        keep(ex, fill, &Arc::new(object));
    }
}

/// Stores an object, here and at its home; false where it is not taken.
fn keep(ex: &Exchange<'_>, fill: Fill, object: &Arc<Object>) -> bool {
    match fill.claim {
        Some(claim) => claim.store(&fill.key, object),
        None => ex.conn.worker.cache.keep(&fill.key, object),
    }
}

fn release(fill: Fill) {
    if let Some(claim) = fill.claim {
        claim.release();
    }
}

fn response<'e>(ex: &'e Exchange<'_>, bytes: &'e [u8]) -> Head<'e> {
    Head {
        fields: &ex.heads.response.fields,
        bytes,
    }
}

/// Runs `make` with all that a response is stored with, which depended on what `vary` says.
fn with_circumstances<T>(
    ex: &Exchange<'_>,
    fill: &Fill,
    response: Head<'_>,
    vary: &Vary,
    make: impl FnOnce(&Circumstances<'_>) -> T,
) -> T {
    let forwarded = forwarded::differs(ex, vary).then(|| Forwarded::of(ex));
    let tags = tags::of(ex, response);
    let received = Received {
        delay: now().saturating_sub(fill.began).as_secs(),
        came: now().as_secs(),
        date: unix_now().as_secs(),
    };
    make(&Circumstances {
        received,
        heuristic: Heuristic::default(),
        request: forwarded.as_ref().map_or(request(ex), Forwarded::head),
        generation: fill.generation,
        tags: &tags,
    })
}

/// Purges what a request has changed (RFC 9111 section 4.4), and what the route says that it changes.
fn invalidate(ex: &Exchange<'_>, call: &Call) {
    let head = &ex.heads.request;
    if head.method.is_safe() || ex.heads.response.status >= 400 {
        return;
    }
    let cache = &ex.conn.worker.cache;
    let purge = |tag| cache.purge(Purged::Tag(tag), Purge::Hard);
    if ex.route().cache.is_some() {
        purge(tags::own_url(
            ex,
            ex.path(),
            head.query.map(|query| query.of(&ex.bytes)),
        ));
        let response = response(ex, &call.head);
        for target in tags::named(ex, response) {
            purge(target);
        }
    }
    let params = match ex.facts.found {
        Some(found) => ex.epoch.plan.router.params(found, ex.path()),
        None => Params::default(),
    };
    let mut text = Vec::new();
    for template in &ex.route().purges {
        text.clear();
        template.render(&params, &mut text);
        purge(tags::hash(cache, &text));
    }
}
