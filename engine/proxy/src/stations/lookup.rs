//! Lookup: answers from the store where that may be, or says what the origin is to be asked for it.

use std::sync::Arc;

use ringfence_cache::{Key, KeyParts, Object, RequestControl, Verdict, normal_query, write_key};
use ringfence_http::syntax::list_members;
use ringfence_http::{Framing, Method, Name, Reason};
use ringfence_io::{Lease, now, timeout_at};

use crate::cache::{Asked, Claim, Fill, Old, Report, Served};
use crate::conn::Again;
use crate::exchange::{Exchange, Hit, Station};
use crate::forwarded::{self, Forwarded};
use crate::note::{Answer, FlightKey, SharedKey, Wish as Wanted};
use crate::presence::unless_gone;

/// Fields of a request that some servers take for its method, host or path, in whose place no key has them. A request that has
/// one passes by, so that nobody can have an answer stored that others would not get.
const OVERRIDES: [&[u8]; 16] = [
    b"X-Envoy-Original-Path",
    b"X-Forwarded-Path",
    b"X-Forwarded-Prefix",
    b"X-Forwarded-Scheme",
    b"X-Forwarded-Server",
    b"X-Forwarded-URI",
    b"X-Host",
    b"X-HTTP-Host-Override",
    b"X-HTTP-Method",
    b"X-HTTP-Method-Override",
    b"X-Method-Override",
    b"X-Original-Host",
    b"X-Original-URI",
    b"X-Original-URL",
    b"X-Override-URL",
    b"X-Rewrite-URL",
];

/// What a trusted peer says of its own client, and servers may heed.
const OF_TRUSTED: [Name; 4] = [
    Name::Forwarded,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XForwardedProto,
];

/// How often a request asks the key's home again, when what it was given was for other requests, before it goes alone.
const MOST_ROUNDS: u32 = 4;

/// What the store has for a request.
enum Look {
    Hit(Hit),
    /// It is stored, but its origin has to be asked.
    Old(Old, &'static str),
    Nothing(&'static str),
}

/// Finds what is stored for the request, and goes to the origin where that may not answer it.
pub(crate) async fn open(ex: &mut Exchange<'_>) -> Station {
    if let Some(why) = passes_by(ex) {
        return pass(ex, Report::of(Served::Bypass, Some(why)));
    }
    let control = RequestControl::of(ex.fields());
    let cache = ex.conn.worker.cache.clone();
    cache.catch_up().await;
    let mut shared = None;
    let mut collapsed = false;
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
        let wish = Wish { control, old, why };
        let shares = is_worth_sharing(ex, &wish);
        let key = shared.get_or_insert_with(|| share(ex)).clone();
        let flight = flight(ex, &key);
        let wanted = match (shares, round) {
            (false, 0) => Wanted::Stored,
            (false, _) => return pass(ex, Report::of(Served::Miss, Some(wish.why))),
            (true, 0) => Wanted::Any,
            (true, _) => Wanted::Fetched,
        };
        match in_time(ex, cache.ask(&key, &flight, wanted)).await {
            Ok(Answer::Have(objects)) => {
                for object in &objects {
                    cache.keep(&key, object);
                }
                collapsed = round > 0 || cache.is_home(&key);
            }
            Ok(Answer::Lead) => {
                let claim = Some(Claim::new(cache, flight));
                return fetch(ex, key, claim, wish, collapsed);
            }
            Ok(Answer::Alone) if !shares => {
                return pass(ex, Report::of(Served::Miss, Some(wish.why)));
            }
            Ok(Answer::Alone) => return fetch(ex, key, None, wish, collapsed),
            Err(Reason::ClientGone) => return ex.refuse(Reason::ClientGone),
            Err(_) => return fetch(ex, key, None, wish, collapsed),
        }
    }
    pass(ex, Report::of(Served::Miss, Some("vary-miss")))
}

/// What a request that the store cannot answer goes to the origin with.
struct Wish {
    control: RequestControl,
    old: Option<Old>,
    why: &'static str,
}

/// Why the request has nothing to do with the cache, if it has not (RFC 9211 section 2.2).
fn passes_by(ex: &Exchange<'_>) -> Option<&'static str> {
    let rules = ex
        .route()
        .cache
        .as_ref()
        .expect("only such routes lead here");
    let head = &ex.heads.request;
    let answered = head.method == Method::Get || head.method == Method::Head && rules.head;
    if !answered {
        return Some("method");
    }
    let has_body = !matches!(head.framing, Framing::None | Framing::Length(0));
    let asks = |name: &&[u8]| head.fields.find(&ex.bytes, name).is_some();
    let conditional = [Name::IfMatch, Name::IfUnmodifiedSince];
    let request = ex.fields();
    let cookie = |name: &String| ringfence_cache::cookie(request, name.as_bytes()).is_some();
    let bypassed = rules.bypass.cookies.iter().any(cookie)
        || rules
            .bypass
            .headers
            .iter()
            .any(|name| asks(&name.as_bytes()))
        || has_parameter(ex, &rules.bypass.query);
    let by = has_body
        || bypassed
        || conditional.iter().any(|id| head.fields.has(*id))
        || overrides(ex)
        || takes_away(ex);
    by.then_some("bypass")
}

fn overrides(ex: &Exchange<'_>) -> bool {
    let fields = ex.heads.request.fields.iter();
    let mut others = fields.filter(|field| field.id == Name::Other);
    others.any(|field| {
        let name = field.name.of(&ex.bytes);
        let starts = matches!(name, [b'x' | b'X', b'-' | b'_', ..]);
        starts && OVERRIDES.iter().any(|other| reads_as(name, other))
    })
}

/// Whether a name is the same to servers that pass fields on in environment variables (RFC 3875 section 4.1.18).
fn reads_as(name: &[u8], other: &[u8]) -> bool {
    let same = |(one, other): (&u8, &u8)| match one {
        b'_' => *other == b'-',
        one => one.eq_ignore_ascii_case(other),
    };
    name.len() == other.len() && name.iter().zip(other).all(same)
}

/// Whether Connection takes a field away that was meant for the server: then what the client has sent does not tell what the
/// server's answer depended on.
fn takes_away(ex: &Exchange<'_>) -> bool {
    let lines = ex.heads.request.get_all(&ex.bytes, Name::Connection);
    let mut members = lines.flat_map(list_members);
    members.any(|member| {
        let usual = member.eq_ignore_ascii_case(b"close") || Name::of(member).is_hop_by_hop();
        !usual
    })
}

fn has_parameter(ex: &Exchange<'_>, names: &[ringfence_config::QueryName]) -> bool {
    let query = ex.heads.request.query.map(|query| query.of(&ex.bytes));
    let pairs = query
        .into_iter()
        .flat_map(|query| query.split(|byte| *byte == b'&'));
    let mut sent = pairs.map(normal_query);
    !names.is_empty()
        && sent.any(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            names.iter().any(|wanted| wanted.matches(name))
        })
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
    wish: Wish,
    collapsed: bool,
) -> Station {
    let outcome = match wish.old {
        Some(_) => Served::Expired,
        None => Served::Miss,
    };
    let mut report = Report::of(outcome, Some(wish.why));
    report.collapsed = collapsed && claim.is_none();
    ex.tally.cache = Some(outcome);
    let generation = ex.conn.worker.cache.generation();
    ex.asked = Some(Box::new(Asked {
        report,
        fill: Some(Fill {
            key,
            claim,
            control: wish.control,
            old: wish.old,
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
        key: share(ex).hash,
    }
}

/// Looks into the store of this core.
fn look(ex: &Exchange<'_>, control: &RequestControl) -> Look {
    let worker = &ex.conn.worker;
    let mut room = worker.cache.room.borrow_mut();
    let (key, buf) = &mut *room;
    write(ex, key);
    let key = Key {
        hash: worker.cache.hash(key),
        bytes: key,
    };
    let mut forwarded = None;
    let select = |object: &Arc<Object>| match forwarded::differs(ex, object.vary()) {
        false => object.is_selected_by(ex.fields(), buf),
        true => {
            let forwarded = forwarded.get_or_insert_with(|| Forwarded::of(ex));
            object.is_selected_by(forwarded.head(), buf)
        }
    };
    let mut store = worker.cache.store.borrow_mut();
    let Some(found) = store.find(key, select) else {
        let others = store.variants(key).next().is_some();
        return Look::Nothing(if others { "vary-miss" } else { "uri-miss" });
    };
    judge(ex, found.value, found.softly_purged, control)
}

fn judge(ex: &Exchange<'_>, object: &Arc<Object>, purged: bool, control: &RequestControl) -> Look {
    let now = now().as_secs();
    let hit = |outcome| {
        let mut report = Report::of(outcome, None);
        report.ttl = Some(ttl(object, now));
        let object = object.clone();
        Look::Hit(Hit { object, report })
    };
    let verdict = match purged {
        true => Verdict::Validate {
            if_error: true,
            if_gone: true,
        },
        false => object.judge(control, now),
    };
    match verdict {
        Verdict::Fresh => hit(Served::Hit),
        Verdict::Stale => hit(Served::Stale),
        Verdict::WhileRevalidating if ex.conn.client.is_nobody() => {
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
    let rules = ex
        .route()
        .cache
        .as_ref()
        .expect("only such routes lead here");
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

/// Whether others could be given what the origin sends for this request.
fn is_worth_sharing(ex: &Exchange<'_>, wish: &Wish) -> bool {
    let head = &ex.heads.request;
    let part = head.fields.has(Name::Range) && wish.old.is_none();
    head.method == Method::Get && !part && !wish.control.no_store
}

/// Writes the request's key.
fn write(ex: &Exchange<'_>, out: &mut Vec<u8>) {
    let head = &ex.heads.request;
    let rules = ex
        .route()
        .cache
        .as_ref()
        .expect("only such routes lead here");
    let parts = KeyParts {
        realm: ex.epoch.realms[ex.facts.route.expect("routed").index()],
        scheme: "http",
        host: head.authority.of(&ex.bytes),
        path: ex.path(),
        query: head.query.map(|query| query.of(&ex.bytes)),
        head: ex.fields(),
    };
    write_key(&parts, rules, out);
    if ex.facts.trusted {
        for line in OF_TRUSTED
            .iter()
            .flat_map(|id| head.get_all(&ex.bytes, *id))
        {
            out.push(b'\n');
            out.extend_from_slice(line);
        }
    }
}

fn share(ex: &Exchange<'_>) -> SharedKey {
    let mut bytes = Vec::new();
    write(ex, &mut bytes);
    SharedKey {
        hash: ex.conn.worker.cache.hash(&bytes),
        bytes: bytes.into(),
    }
}

/// Which fetch the request could share: one for the same key and, as far as is known what the response depends on, with the
/// same fields.
fn flight(ex: &Exchange<'_>, key: &SharedKey) -> FlightKey {
    let store = ex.conn.worker.cache.store.borrow();
    let mut bytes = Vec::new();
    if let Some(known) = store.variants(key.key()).next() {
        let vary = known.value.vary();
        bytes.extend_from_slice(&key.bytes);
        match forwarded::differs(ex, vary) {
            false => vary.write_selection(ex.fields(), &mut bytes),
            true => vary.write_selection(Forwarded::of(ex).head(), &mut bytes),
        }
    }
    match bytes.is_empty() {
        true => FlightKey {
            home: key.hash,
            hash: key.hash,
            bytes: key.bytes.clone(),
        },
        false => FlightKey {
            home: key.hash,
            hash: ex.conn.worker.cache.hash(&bytes),
            bytes: bytes.into(),
        },
    }
}

/// Waits for an answer, no longer than for an origin.
async fn in_time(
    ex: &Exchange<'_>,
    asking: impl Future<Output = Answer>,
) -> Result<Answer, Reason> {
    let limit = ex.route().timeouts.first_byte;
    let (until, late) = ex.deadline(now() + limit, Reason::FirstByteTimeout);
    let answered = unless_gone(&ex.conn.client, timeout_at(until, asking)).await;
    answered.ok_or(Reason::ClientGone)?.map_err(|_| late)
}
