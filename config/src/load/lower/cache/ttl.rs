//! For how long responses are fresh, and how long past it they may still answer.

use std::time::Duration;

use crate::file::cache::Durations;
use crate::file::shape::Or;
use crate::limits::{self, Bound};
use crate::load::report::Place;
use crate::plan::cache::Ttl;
use crate::values::duration::show;
use crate::values::media::MediaPattern;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::status::StatusSet;
use crate::values::wrong::{Wrong, quoted};

/// `ttl` of the route's cache, which is at `cache`.
pub(super) fn ttl(
    written: Option<Or<Scalar<Duration>, Durations>>,
    cache: &Place<'_>,
) -> Option<Ttl> {
    let at = cache.key("ttl");
    match written? {
        Or::Short(ttl) => seconds(Some(ttl.0), &limits::CACHE_TTL, &at).map(Ttl::Default),
        Or::Table(sets) => {
            if sets.is_empty() {
                cache.empty("ttl", "for example `ttl = { 200 = \"5m\", 404 = \"1m\" }`");
            }
            at.at_most(sets.len(), limits::CACHE_TTLS, "sets of statuses");
            Some(Ttl::ByStatus(by_status(sets, &at)))
        }
    }
}

/// The smallest set first. The order is that of the texts where the sizes are the same, so that it does not depend on how
/// a set was written.
fn by_status(written: Durations, at: &Place<'_>) -> Vec<(StatusSet, Duration)> {
    let mut sets: Vec<(Statuses, StatusSet, Duration)> = Vec::new();
    for (name, ttl) in written.into_iter().take(limits::CACHE_TTLS) {
        let here = at.key(&name);
        let ttl = seconds(Some(ttl.0), &limits::CACHE_TTL, &here).unwrap_or_default();
        let set: Result<StatusSet, Wrong> = name.parse();
        let fine = set.and_then(|set| {
            let statuses = Statuses::of(&set);
            check_kept(&statuses, &name)?;
            check_clear(&statuses, sets.iter().map(|(others, ..)| others))?;
            Ok((statuses, set, ttl))
        });
        match fine {
            Ok(row) => sets.push(row),
            Err(wrong) => here.say_of_key(wrong),
        }
    }
    sets.sort_by_cached_key(|(statuses, set, _)| (statuses.count(), set.show()));
    sets.into_iter().map(|(_, set, ttl)| (set, ttl)).collect()
}

/// The statuses of a set, a bit for each. A set may say the same in a million ways, and is compared with every other.
struct Statuses([u64; 8]);

impl Statuses {
    const FIRST: u16 = 100;

    fn of(set: &StatusSet) -> Self {
        let mut bits = [0; 8];
        for status in set.0.iter().cloned().flatten() {
            let place = usize::from(status - Self::FIRST);
            bits[place / 64] |= 1 << (place % 64);
        }
        Self(bits)
    }

    fn iter(&self) -> impl Iterator<Item = u16> {
        let is_set = |place: &u16| {
            let place = usize::from(*place);
            self.0[place / 64] & (1 << (place % 64)) != 0
        };
        (0..500).filter(is_set).map(|place| Self::FIRST + place)
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|bits| bits.count_ones()).sum()
    }

    fn shared(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }
}

/// Refuses a set of which no response is ever kept.
fn check_kept(statuses: &Statuses, name: &str) -> Result<(), Wrong> {
    if statuses.count() == 0 {
        return Err(Wrong::new("a set of statuses is empty")
            .help("for example 200, \"5xx\" or \"200-299,404\""));
    }
    if statuses.iter().all(is_never_kept) {
        return Err(
            Wrong::new(format!("no response with status {} is kept", quoted(name)))
                .help("it is interim, a part, or meant for one client alone"),
        );
    }
    Ok(())
}

/// Interim, parts, and what is about one client or one request: what no shared cache may keep whatever the file says.
const fn is_never_kept(status: u16) -> bool {
    matches!(
        status,
        100..=199 | 206 | 304 | 412 | 416 | 417 | 428 | 429 | 431 | 511
    )
}

/// Refuses a set where it is not clear for each status whether this one or another is the closest.
fn check_clear<'a>(
    statuses: &Statuses,
    others: impl Iterator<Item = &'a Statuses>,
) -> Result<(), Wrong> {
    let mut alike = others.filter(|other| other.count() == statuses.count());
    match alike.find_map(|other| other.shared(statuses).iter().next()) {
        None => Ok(()),
        Some(status) => Err(Wrong::new(format!("the status {status} has two durations"))
            .help("of two sets the smaller one wins, and these have the same size")),
    }
}

/// `types` of the route's cache, which is at `cache`. Whole types come first.
pub(super) fn types(
    written: Option<Durations>,
    cache: &Place<'_>,
) -> Vec<(MediaPattern, Duration)> {
    let Some(written) = written else {
        return Vec::new();
    };
    let at = cache.key("types");
    if written.is_empty() {
        cache.empty("types", "for example `types = { \"image/*\" = \"1d\" }`");
    }
    at.at_most(written.len(), limits::CACHE_TTLS, "media types");
    let mut types: Vec<(MediaPattern, Duration)> = Vec::new();
    for (name, ttl) in written.into_iter().take(limits::CACHE_TTLS) {
        let here = at.key(&name);
        let ttl = seconds(Some(ttl.0), &limits::CACHE_TTL, &here).unwrap_or_default();
        match MediaPattern::read(&name) {
            Err(wrong) => here.say_of_key(wrong),
            Ok(found) if types.iter().any(|(other, _)| *other == found) => {
                here.say_of_key(Wrong::new(format!(
                    "the media type `{}` is there twice",
                    found.show()
                )));
            }
            Ok(found) => types.push((found, ttl)),
        }
    }
    types.sort_by_cached_key(|(pattern, _)| (pattern.breadth(), pattern.show()));
    types
}

/// How long past its freshness something may answer; `None` = not at all.
pub(super) fn stale(written: Option<&Scalar<OrOff<Duration>>>, at: &Place<'_>) -> Option<Duration> {
    let written = written.and_then(|written| written.0.clone().into_option());
    seconds(written, &limits::STALE, at)
}

/// A duration of whole seconds: HTTP counts age and freshness in them.
fn seconds(written: Option<Duration>, bound: &Bound<Duration>, at: &Place<'_>) -> Option<Duration> {
    let duration = at.within(written, bound)?;
    if duration.subsec_nanos() == 0 {
        return Some(duration);
    }
    let whole = Duration::from_secs(duration.as_secs() + 1);
    at.say(
        Wrong::new(format!("{} is no whole number of seconds", show(duration))).help(format!(
            "HTTP counts freshness in seconds: \"{}\"",
            show(whole)
        )),
    );
    None
}
