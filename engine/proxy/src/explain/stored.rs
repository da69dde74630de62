//! What the cache has to do with a request: its key, what is stored, and whether that would answer it.

use std::sync::Arc;

use ringfence_cache::{
    Basis, Found, Object, RequestControl, Stored as _, Vary, part_names, says_how_long,
};
use ringfence_cache::{PART, REALM, VALUE};
use ringfence_http::{Name, Reason};
use ringfence_io::now;
use ringfence_telemetry::explain::{Answer, Cached, Key, REFUSED, Stored};

use super::words::text;
use crate::bypass;
use crate::cache::{Served, Turn};
use crate::exchange::Exchange;
use crate::forwarded::selects;
use crate::keys;
use crate::note::SharedKey;
use crate::stations::lookup::{Look, judge, not_kept, ttl, why_nothing};
use crate::tags;

/// What this worker's cache has to do with the request.
pub(super) fn tell(ex: &Exchange<'_>) -> Cached {
    if let Some(why) = bypass::why(ex) {
        return Cached {
            bypass: Some(why.to_string()),
            ..Cached::default()
        };
    }
    let control = RequestControl::of(ex.fields());
    let key = keys::share(ex);
    let (stored, look) = look(ex, &key, &control);
    let validates = matches!(look, Look::Old(..));
    let not_kept = not_kept(ex, &control, validates);
    let asks = !matches!(look, Look::Hit(_)) && !control.only_if_cached;
    Cached {
        bypass: None,
        answers: vec![answer(ex, &look, &control)],
        fetch: (asks && not_kept.is_none()).then(|| fetch(ex, &key)),
        kept_if: conditions(ex, &key),
        not_kept: not_kept.map(in_words),
        key: Some(in_parts(ex, &key)),
        stored,
    }
}

/// All that is stored under the key, and what the request would find.
fn look(ex: &Exchange<'_>, key: &SharedKey, control: &RequestControl) -> (Vec<Stored>, Look) {
    let (mut all, mut look) = (Vec::new(), None);
    let (mut forwarded, mut buf) = (None, Vec::new());
    let store = ex.conn.worker.cache.store.borrow();
    for found in store.variants(key.key()) {
        let selected = selects(ex, found.value, &mut forwarded, &mut buf);
        all.push(about(ex, &found, selected));
        if selected && look.is_none() {
            look = Some(judge(ex, &found, control, false));
        }
    }
    let look = look.unwrap_or_else(|| Look::Nothing(why_nothing(!all.is_empty())));
    (all, look)
}

fn about(ex: &Exchange<'_>, found: &Found<'_, Arc<Object>>, selected: bool) -> Stored {
    let object = found.value;
    let now = now().as_secs();
    let mut names = Vec::new();
    tags::names(ex, object.head(), |tag| {
        let hash = tags::hash(&ex.conn.worker.cache, tag);
        // Rules may have changed since it was stored.
        if object.tags().contains(&hash) {
            names.push(text(tag));
        }
    });
    names.sort_unstable();
    names.dedup();
    Stored {
        workers: vec![ex.conn.worker.index],
        selected,
        vary: match object.vary() {
            Vary::Any => Vec::new(),
            Vary::Fields(names) => names.iter().map(|name| text(name)).collect(),
        },
        status: object.status,
        bytes: object.body.len(),
        etag: object.head().value(Name::ETag).map(text),
        age: object.age(now),
        ttl: ttl(object, now),
        lifetime: object.freshness.lifetime,
        basis: basis(object).to_owned(),
        softly_purged: found.softly_purged,
        tags: names,
    }
}

fn basis(object: &Object) -> &'static str {
    match object.freshness.basis {
        Basis::SMaxage => "s-maxage",
        Basis::MaxAge if says_how_long(object.head()) => "max-age",
        Basis::MaxAge => "the route's rules",
        Basis::Expires => "Expires",
        Basis::Heuristic => "a guess from Last-Modified",
        Basis::Nothing => "nothing that says how long",
    }
}

fn answer(ex: &Exchange<'_>, look: &Look, control: &RequestControl) -> Answer {
    let now = now().as_secs();
    let (outcome, forward, why) = match look {
        Look::Hit(hit) => {
            let ttl = ttl(&hit.object, now);
            let why = match hit.report.outcome {
                Served::Updating => "it is stale, and asked for again meanwhile".to_owned(),
                Served::Stale => "it is stale, and the request takes that".to_owned(),
                _ => format!("it is fresh for {ttl} s more"),
            };
            (hit.report.outcome, None, why)
        }
        Look::Old(old, word) => {
            let why = match (*word, old.if_gone) {
                ("request", _) => "the request wants it validated",
                (_, true) => "it is stale; it stands in if no server answers",
                (_, false) => "it is stale, and may not stand in",
            };
            (Served::Expired, Some(*word), why.to_owned())
        }
        Look::Nothing(word) => {
            let why = match *word {
                "vary-miss" => "what is stored is for other requests",
                _ => "nothing is stored",
            };
            (Served::Miss, Some(*word), why.to_owned())
        }
    };
    let workers = vec![ex.conn.worker.index];
    if control.only_if_cached && forward.is_some() {
        let reason = Reason::NotCached;
        return Answer {
            workers,
            outcome: REFUSED.to_owned(),
            forward: None,
            why: format!("{}, {}: {why}", reason.status(), reason.word()),
        };
    }
    Answer {
        workers,
        outcome: text(outcome.word()),
        forward: forward.map(str::to_owned),
        why,
    }
}

/// Whether it would share its fetch, as the key's home knows.
fn fetch(ex: &Exchange<'_>, key: &SharedKey) -> String {
    let turn = ex.conn.worker.cache.turn(&keys::flight(ex, key));
    String::from(match turn {
        Turn::Lead => "others who ask for it meanwhile wait for what comes",
        Turn::Wait => "one is under way, and it waits for that",
        Turn::Join(_) => "one is under way, and it is given what comes as it comes",
        Turn::Alone => "its own: what came last was for one client only",
    })
}

/// What the response has to be like on this route, for this request.
fn conditions(ex: &Exchange<'_>, key: &SharedKey) -> Vec<String> {
    let rules = ex.rules();
    let mut all = Vec::new();
    let personal = ringfence_cache::user(ex.fields(), rules).is_some();
    if ex.fields().has(Name::Authorization) && !personal {
        all.push("says that it is for all, with public, must-revalidate or s-maxage: the request has credentials".to_owned());
    }
    let uses = ex.conn.worker.cache.uses(key).saturating_add(1);
    if uses < rules.min_uses {
        let wanted = rules.min_uses;
        all.push(format!(
            "it is asked for {wanted} times: this would be number {uses}"
        ));
    }
    all
}

/// A reason for which nothing is stored, in more than a word.
fn in_words(word: &str) -> String {
    match word {
        "method" => "the request's method is not GET".to_owned(),
        "range" => "the request is for a part".to_owned(),
        "request-no-store" => "the request says no-store".to_owned(),
        other => other.to_owned(),
    }
}

/// The key, cut into what it is made of.
fn in_parts(ex: &Exchange<'_>, key: &SharedKey) -> Key {
    let bytes = key.bytes.get(REALM..).unwrap_or_default();
    let mut parts = bytes.split(|byte| *byte == PART);
    let url = text(parts.next().unwrap_or_default());
    let names = part_names(ex.rules()).into_iter().chain(keys::names(ex));
    let value = |part: &[u8]| {
        // What stands before the first is a name.
        let values: Vec<_> = part
            .split(|byte| *byte == VALUE)
            .skip(1)
            .map(text)
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    Key {
        url,
        beside: names.zip(parts.map(value)).collect(),
        home: ex.conn.worker.cache.home(key.hash),
    }
}
