//! Keep: what becomes of a response in the store, as it passes from Answer to Relay.

use std::sync::Arc;

use ringfence_cache::{
    Asked as Request, Circumstances, Head, Heuristic, NotStored, Object, Purge, Received, Vary,
    in_force, says_how_long, storable, user,
};
use ringfence_config::Params;
use ringfence_http::{Framing, Name, ResponseHead};
use ringfence_io::{Lease, now, unix_now};

use crate::body::Body;
use crate::cache::{Fill, Recording, Report, Served};
use crate::exchange::{Call, Exchange, Hit};
use crate::forwarded::{self, Forwarded};
use crate::note::Purged;
use crate::stations::lookup::ttl;
use crate::tags;

/// Bytes of a body that are held back until all of it is there and stored. Of a longer one those who wait are told to go for
/// themselves, and it is sent on as it comes.
const HELD_BACK: usize = 1 << 20;

/// What is to become of a response.
pub(crate) enum Kept {
    PassOn,
    /// The client is answered with this instead.
    Answer(Hit),
    /// What is stored is to stand in for it.
    StandIn,
}

/// Looks at the head of a final response: says whether what is stored is to be used instead, and else begins to
/// record what is to be stored.
pub(crate) fn receive(ex: &mut Exchange<'_>, call: &Call, body: &mut Body) -> Kept {
    invalidate(ex, call);
    let Some(mut asked) = ex.asked.take() else {
        return Kept::PassOn;
    };
    let status = ex.heads.response.status;
    match asked.fill.take() {
        None => {}
        Some(fill) if status == 304 && fill.old.is_some() => {
            return refresh(ex, call, fill).map_or(Kept::PassOn, Kept::Answer);
        }
        Some(fill) if may_stand_in(status, &fill) => {
            asked.fill = Some(fill);
            ex.asked = Some(asked);
            return Kept::StandIn;
        }
        Some(mut fill) => match begin(ex, call, &fill) {
            Ok(recording) => {
                body.see_all();
                fill.recording = Some(recording);
                asked.report.stored = true;
                asked.fill = Some(fill);
            }
            Err(why) => {
                asked.report.detail = Some(why.word);
                // What lies in this request is no reason for others to go alone.
                if why.is_others() {
                    release(fill);
                }
            }
        },
    }
    ex.asked = Some(asked);
    Kept::PassOn
}

/// Records a piece of the body, with the last one stores the response, and gives what is to be sent on now. Nothing is while
/// others may wait for the response: how fast its client reads is no matter of theirs.
pub(crate) fn record(ex: &mut Exchange<'_>, data: Lease, done: bool) -> Option<Lease> {
    let Some(fill) = ex.asked.as_mut().and_then(|asked| asked.fill.as_mut()) else {
        return Some(data);
    };
    let Some(recording) = &mut fill.recording else {
        return Some(data);
    };
    if !recording.has_room(data.len()) {
        let held = [&recording.body[recording.sent..], &data].concat();
        let fill = ex.asked.as_mut().and_then(|asked| asked.fill.take());
        if let Some(_fill) = fill {
            release(_fill)
        }
        return Some(Lease::copy_from(&held));
    }
    recording.body.extend_from_slice(&data);
    if !done && recording.body.len() <= HELD_BACK {
        return None;
    }
    let unsent = &recording.body[recording.sent..];
    let out = match unsent.len() == data.len() {
        true => data,
        false => Lease::copy_from(unsent),
    };
    recording.sent = recording.body.len();
    if done {
        let fill = ex.asked.as_mut().and_then(|asked| asked.fill.take());
        finish(ex, fill.expect("it was recorded"));
    } else if let Some(claim) = fill.claim.take() {
        claim.give_up();
    }
    Some(out)
}

/// What is stored stands in for what came, or for what did not come. Those who wait for it go for themselves.
pub(crate) fn stand_in(ex: &mut Exchange<'_>, answered: bool) -> Option<Hit> {
    let fill = ex.asked.take()?.fill?;
    if let Some(claim) = fill.claim {
        claim.give_up();
    }
    let old = fill.old?;
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

/// The server broke off: those who wait for its response go for themselves.
pub(crate) fn give_up(ex: &mut Exchange<'_>) {
    let fill = ex.asked.take().and_then(|asked| asked.fill);
    if let Some(claim) = fill.and_then(|fill| fill.claim) {
        claim.give_up();
    }
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
fn begin(ex: &Exchange<'_>, call: &Call, fill: &Fill) -> Result<Recording, Unfit> {
    let rules = ex.route().cache.as_ref().expect("only such routes fill");
    let head = &ex.heads.response;
    let response = response(ex, &call.head);
    let personal = user(ex.fields(), rules).is_some();
    let control = in_force(rules, response, head.status, personal);
    let asked = Request {
        method: ex.heads.request.method,
        head: ex.fields(),
        control: fill.control,
    };
    storable(&asked, response, head.status, &control).map_err(Unfit::of)?;
    if response.has(Name::SetCookie) && !personal && !says_how_long(response) {
        return Err(Unfit::for_all("set-cookie"));
    }
    let most = usize::try_from(rules.max_object).unwrap_or(usize::MAX);
    let expected = match head.framing {
        Framing::Length(length) if length > most as u64 => return Err(Unfit::for_all("too-large")),
        Framing::Length(length) => length as usize,
        // Its end cannot be told from a connection that broke.
        Framing::UntilClose => return Err(Unfit::for_all("no-length")),
        Framing::None | Framing::Chunked => 0,
    };
    if !tags::fit(ex, response) {
        return Err(Unfit::for_all("too-many-tags"));
    }
    // Counts grow old meanwhile: that of this very request may be gone.
    if rules.min_uses > 1 && ex.conn.worker.cache.uses(&fill.key) < rules.min_uses {
        return Err(Unfit::for_all("min-uses"));
    }
    let cache = &ex.conn.worker.cache;
    let aside = cache
        .set_aside(expected)
        .ok_or(Unfit::for_all("too-much-under-way"))?;
    Ok(Recording {
        head: call.head.clone(),
        body: Vec::with_capacity(expected),
        most,
        sent: 0,
        aside,
    })
}

/// Why a response is not stored.
struct Unfit {
    word: &'static str,
    /// It lies in the request.
    of_request: bool,
}

impl Unfit {
    fn of(why: NotStored) -> Self {
        Self {
            word: why.word(),
            of_request: matches!(why, NotStored::Authorization | NotStored::RequestNoStore),
        }
    }

    fn for_all(word: &'static str) -> Self {
        Self {
            word,
            of_request: false,
        }
    }

    fn is_others(&self) -> bool {
        !self.of_request
    }
}

fn finish(ex: &Exchange<'_>, mut fill: Fill) {
    let Some(Recording { head, mut body, .. }) = fill.recording.take() else {
        return;
    };
    body.shrink_to_fit();
    let rules = ex.route().cache.as_ref().expect("only such routes fill");
    let response = response(ex, &head);
    let vary = Vary::of(response);
    let personal = user(ex.fields(), rules).is_some();
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
        None => ex.conn.worker.cache.offer(&fill.key, object),
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
        request: forwarded.as_ref().map_or(ex.fields(), Forwarded::head),
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
        let query = head.query.map(|query| query.of(&ex.bytes));
        let response = response(ex, &call.head);
        tags::own_url(ex, ex.path(), query)
            .into_iter()
            .for_each(purge);
        tags::named(ex, response).into_iter().for_each(purge);
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
