//! Keep: what becomes of a response in the store, as it passes from Answer to Relay.

use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::{
    Circumstances, Head, Heuristic, Object, Received, RequestControl, ResponseControl, Vary,
    Verdict,
};
use ringfence_http::{Fault, Framing, Method, ResponseHead};
use ringfence_io::{now, shelve, unix_now};

use crate::body::Body;
use crate::cache::{Broadcast, Fill, Filling, Recording, Report, Served};
use crate::exchange::{Call, Exchange, Hit};
use crate::fit::{self, Unfit};
use crate::forwarded::{self, Forwarded};
use crate::gather::Common;
use crate::invalidate;
use crate::recode::keep_forms;
use crate::stations::lookup::ttl;
use crate::tags;

/// What is to become of a response.
pub(crate) enum Kept {
    PassOn,
    /// It is to be received for all who want it, and passed on as it comes.
    Share(Box<Common>),
    /// The client is answered with this instead.
    Answer(Hit),
    /// What is stored is to stand in for it.
    StandIn,
    /// Its body is none, and nothing of it has been passed on.
    Broken(Fault),
}

/// Looks at the head of a final response: says whether what is stored is to be used instead, and else begins to
/// record what is to be stored.
pub(crate) fn receive(ex: &mut Exchange<'_>, call: &mut Call, body: &mut Body) -> Kept {
    invalidate::by_response(ex, call);
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
        Some(fill) => match begin(ex, call, &fill) {
            Ok(recording) => {
                body.see_all();
                asked.report.stored = true;
                match share(ex, call, body, fill, recording) {
                    Shared::With(common, unfit) => {
                        asked.report.stored = unfit.is_none();
                        asked.report.detail = unfit;
                        ex.asked = Some(asked);
                        return Kept::Share(common);
                    }
                    Shared::Not(fill) => asked.fill = Some(*fill),
                    Shared::Broken(fill, fault) => {
                        asked.fill = Some(*fill);
                        ex.asked = Some(asked);
                        return Kept::Broken(fault);
                    }
                }
            }
            Err(why) => {
                asked.report.detail = Some(why.word);
                if !why.by_request {
                    release(fill);
                }
            }
        },
    }
    ex.asked = Some(asked);
    Kept::PassOn
}

/// Whether the response is being recorded.
pub(crate) fn records(ex: &Exchange<'_>) -> bool {
    let fill = ex.asked.as_ref().and_then(|asked| asked.fill.as_ref());
    fill.is_some_and(|fill| fill.recording.is_some())
}

/// Records a piece of the body, and with the last one stores the response.
pub(crate) fn record(ex: &mut Exchange<'_>, data: &[u8], done: bool) {
    let Some(fill) = ex.asked.as_mut().and_then(|asked| asked.fill.as_mut()) else {
        return;
    };
    let Some(recording) = &mut fill.recording else {
        return;
    };
    let fits = recording.has_room(data.len());
    if fits {
        recording.body.extend_from_slice(data);
    }
    if fits && !done {
        return;
    }
    let fill = ex.asked.as_mut().and_then(|asked| asked.fill.take());
    let fill = fill.expect("it was recorded");
    match fits {
        true => finish(ex, fill),
        false => release(fill),
    }
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

/// What is stored still holds: stores it anew with the fields that came, where it still may be, and gives it.
fn refresh(ex: &Exchange<'_>, call: &Call, fill: Fill) -> Option<Hit> {
    let old = fill.old.as_ref()?.object.clone();
    let mut report = Report::of(Served::Revalidated, Some("stale"));
    let object = match renewed(ex, call, &fill, &old) {
        Some((object, unfit)) => {
            match unfit {
                None => report.stored = keep(ex, fill, &object),
                Some(why) => {
                    report.detail = Some(why.word);
                    if !why.by_request {
                        invalidate::discard(ex);
                    }
                }
            }
            object
        }
        // It cannot be written anew, but it may still answer this once.
        None => old,
    };
    report.ttl = Some(ttl(&object, now().as_secs()));
    Some(Hit { object, report })
}

/// What is stored, with the fields that came for it, and why it may be stored no more, if it may not.
fn renewed(
    ex: &Exchange<'_>,
    call: &Call,
    fill: &Fill,
    old: &Object,
) -> Option<(Arc<Object>, Option<Unfit>)> {
    let (head, bytes) = old.merged(&ex.heads.response, &call.head).ok()?;
    let control = fit::control(ex, &head, &bytes);
    let unfit = fit::may_be_stored(ex, asked(ex, fill), &head, &bytes, &control).err();
    let object = make(ex, fill, &head, &bytes, control, old.body.clone())?;
    Some((keep_forms(object, old), unfit))
}

/// Begins to record a response, or says why it is not stored.
fn begin(ex: &Exchange<'_>, call: &Call, fill: &Fill) -> Result<Recording, Unfit> {
    let rules = ex.rules();
    let head = &ex.heads.response;
    let control = fit::control(ex, head, &call.head);
    fit::may_be_stored(ex, asked(ex, fill), head, &call.head, &control)?;
    let most = usize::try_from(rules.max_object).unwrap_or(usize::MAX);
    let expected = match head.framing {
        Framing::Length(length) if length > most as u64 => {
            return Err(Unfit::by_response("too-large"));
        }
        Framing::Length(length) => length as usize,
        // Its end cannot be told from a connection that broke.
        Framing::UntilClose => return Err(Unfit::by_response("no-length")),
        Framing::None | Framing::Chunked => 0,
    };
    // Counts grow old meanwhile: that of this very request may be gone.
    if rules.min_uses > 1 && ex.conn.worker.cache.uses(&fill.key) < rules.min_uses {
        return Err(Unfit::by_response("min-uses"));
    }
    let cache = &ex.conn.worker.cache;
    let aside = cache
        .margin
        .take(expected)
        .ok_or(Unfit::by_response("too-much-under-way"))?;
    Ok(Recording {
        head: call.head.clone(),
        control,
        body: Vec::new(),
        most,
        aside,
    })
}

/// Whether a response is shared.
enum Shared {
    /// It is; why it is not stored all the same is said, where that is known already.
    With(Box<Common>, Option<&'static str>),
    Not(Box<Fill>),
    /// What has come of its body is none.
    Broken(Box<Fill>, Fault),
}

/// Shares the response from its head on with all who wait for it, or has it recorded. Shared it is where some of it has yet to
/// come, or may have to, and where it is for others at all. While the request is still being sent, it is this exchange's to
/// receive.
fn share(
    ex: &Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
    mut fill: Fill,
    mut recording: Recording,
) -> Shared {
    let length = match ex.heads.response.framing {
        Framing::Length(length) => Some(length as usize),
        Framing::Chunked => None,
        Framing::None | Framing::UntilClose => Some(0),
    };
    let coming = length.is_none_or(|length| length > call.pending.len());
    if coming && let Some(claim) = fill.claim.take() {
        match shared_head(ex, call, &fill, &recording) {
            Some(head) => {
                let piece = match body.decode(&mut call.pending) {
                    Ok(piece) => piece,
                    Err(fault) => {
                        fill.claim = Some(claim);
                        return Shared::Broken(Box::new(fill), fault);
                    }
                };
                let margin = ex.conn.worker.cache.margin.clone();
                let filling = match length {
                    Some(length) => Filling::announced(margin, length),
                    None => Filling::growing(margin, recording.most),
                };
                let memory = (length, recording.aside);
                let mut broadcast = Broadcast::begin(claim, fill.key, head, memory, filling);
                let done = piece.done;
                let unfit = broadcast.add(&piece.data, done);
                return Shared::With(Box::new(Common { broadcast, done }), unfit);
            }
            None => claim.give_up(),
        }
    }
    recording.body.reserve_exact(length.unwrap_or(0));
    fill.recording = Some(recording);
    Shared::Not(Box::new(fill))
}

/// What of a response can be shared before its body is there; nothing where it is of no use to others.
fn shared_head(
    ex: &Exchange<'_>,
    call: &Call,
    fill: &Fill,
    recording: &Recording,
) -> Option<Arc<Object>> {
    if call.upload.is_some() {
        return None;
    }
    let control = recording.control.clone();
    let head = make(
        ex,
        fill,
        &ex.heads.response,
        &call.head,
        control,
        Bytes::new(),
    )?;
    let fresh = head.judge(&RequestControl::default(), now().as_secs()) == Verdict::Fresh;
    fresh.then_some(head)
}

/// How the response was asked for that is to be stored.
fn asked(ex: &Exchange<'_>, fill: &Fill) -> (Method, RequestControl) {
    (ex.heads.request.method, fill.control)
}

fn finish(ex: &Exchange<'_>, mut fill: Fill) {
    let Some(recording) = fill.recording.take() else {
        return;
    };
    let Recording {
        head,
        control,
        mut body,
        ..
    } = recording;
    body.shrink_to_fit();
    if let Some(object) = make(
        ex,
        &fill,
        &ex.heads.response,
        &head,
        control,
        shelve(body.into()),
    ) {
        keep(ex, fill, &object);
    }
}

/// A response as it is stored.
fn make(
    ex: &Exchange<'_>,
    fill: &Fill,
    head: &ResponseHead,
    bytes: &[u8],
    control: ResponseControl,
    body: Bytes,
) -> Option<Arc<Object>> {
    let response = Head::of_response(head, bytes);
    let forwarded = forwarded::differs(ex, &Vary::of(response)).then(|| Forwarded::of(ex));
    let circumstances = Circumstances {
        received: Received {
            delay: now().saturating_sub(fill.began).as_secs(),
            came: now().as_secs(),
            date: unix_now().as_secs(),
        },
        heuristic: Heuristic::default(),
        request: forwarded.as_ref().map_or(ex.fields(), Forwarded::head),
        generation: fill.generation,
        tags: &tags::of(ex, response),
        group: ex.group(),
        asked: fill.began,
        came: now(),
    };
    let made = Object::new(head, bytes, control, body, &circumstances);
    made.ok().map(Arc::new)
}

/// Stores an object, here and at its home; false where it is not taken.
fn keep(ex: &Exchange<'_>, fill: Fill, object: &Arc<Object>) -> bool {
    match fill.claim {
        Some(claim) => claim.store(&fill.key, object).is_some(),
        None => ex.conn.worker.cache.offer(&fill.key, object),
    }
}

fn release(fill: Fill) {
    if let Some(claim) = fill.claim {
        claim.release();
    }
}
