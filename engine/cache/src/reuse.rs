//! Whether a kept response may answer a request without asking its origin (RFC 9111 section 4).

use crate::freshness::Freshness;
use crate::request::{MaxStale, RequestControl};
use crate::response::{ResponseControl, Scope};
use crate::seconds::Seconds;

/// What is to be done with a kept response that a request selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer with it.
    Fresh,
    /// Answer with it, stale as it is: the client takes that.
    Stale,
    /// Answer with it, and have its origin asked meanwhile (RFC 5861 section 3).
    WhileRevalidating,
    /// Ask the origin first, whether it still holds.
    Validate {
        /// It may be answered with all the same where the origin fails (RFC 5861 section 4).
        if_error: bool,
        /// The same where the origin cannot be reached or gives no answer (RFC 9111 section 4.2.4).
        if_gone: bool,
    },
}

/// Seconds for which a stale response may stand in for an origin that gives no answer, where nobody has said how long.
const GONE: u64 = 600;

/// What is to be done at `now` for a request that says `asked` with a kept response of this freshness, whose directives
/// are `control`. Fields that [`ResponseControl::no_cache`] names are not to be sent without asking.
#[must_use]
pub fn judge(
    freshness: &Freshness,
    control: &ResponseControl,
    asked: &RequestControl,
    now: u64,
) -> Verdict {
    let stale = freshness.staleness(now);
    let by = stale.unwrap_or(0);
    let validate = validate(control, by, within(control.stale_if_error, by));
    let too_old = asked
        .max_age
        .is_some_and(|most| freshness.age(now) > u64::from(most));
    let too_near = asked
        .min_fresh
        .is_some_and(|least| freshness.left(now) < u64::from(least));
    if asked.no_cache || control.no_cache == Scope::All || too_old || too_near {
        return validate;
    }
    let Some(by) = stale else {
        return Verdict::Fresh;
    };
    if insists(control) {
        return validate;
    }
    if takes(asked.max_stale, by) {
        Verdict::Stale
    } else if within(control.stale_while_revalidate, by) {
        Verdict::WhileRevalidating
    } else {
        validate
    }
}

/// What is to be done at `now` with one that was purged softly, so that it is stale however fresh it was: as long as it would
/// have been fresh it may stand in as one that has just become stale, and then no longer than any.
#[must_use]
pub fn judge_purged(freshness: &Freshness, control: &ResponseControl, now: u64) -> Verdict {
    let stale = freshness.staleness(now);
    let by = stale.unwrap_or(0);
    let if_error = stale.is_none() || within(control.stale_if_error, by);
    validate(control, by, if_error)
}

fn validate(control: &ResponseControl, by: u64, if_error: bool) -> Verdict {
    let if_error = if_error && !insists(control);
    Verdict::Validate {
        if_error,
        if_gone: if_error || !insists(control) && by < GONE,
    }
}

/// Whether the origin wants to be asked before a stale response is used, whatever else is said (section 4.2.4).
fn insists(control: &ResponseControl) -> bool {
    control.must_revalidate
        || control.proxy_revalidate
        || control.s_maxage != Seconds::Absent
        || control.no_cache == Scope::All
}

fn takes(max_stale: MaxStale, by: u64) -> bool {
    match max_stale {
        MaxStale::No => false,
        MaxStale::Seconds(most) => by <= u64::from(most),
        MaxStale::Any => true,
    }
}

fn within(window: Seconds, by: u64) -> bool {
    matches!(window, Seconds::Of(most) if by < u64::from(most))
}
