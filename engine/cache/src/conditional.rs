//! Conditions of a request, held against a kept response (RFC 9110 section 13, RFC 9111 section 4.3.2).

use ringfence_http::Name;
use ringfence_http::date::parse_http_date;

use crate::etag::{EntityTag, tags};
use crate::head::Head;

/// What a kept response is for a request with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has none, or they call for the response.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// Only the origin can tell.
    Ask,
}

/// What becomes of a request's conditions where `stored`, a response with `status` that came at `date` (seconds since
/// 1970), would be the answer.
#[must_use]
pub fn condition(request: Head<'_>, stored: Head<'_>, status: u16, date: u64) -> Condition {
    if request.has(Name::IfMatch) || request.has(Name::IfUnmodifiedSince) {
        return Condition::Ask;
    }
    if !(200..300).contains(&status) {
        return Condition::Send;
    }
    // If-None-Match takes the place of If-Modified-Since (RFC 9110 section 13.1.3).
    let has_it = if request.has(Name::IfNoneMatch) {
        names(request, stored)
    } else {
        is_since(request, stored, date)
    };
    match has_it {
        true => Condition::NotModified,
        false => Condition::Send,
    }
}

/// Whether a range is still of the kept response, so that it may be sent alone (RFC 9110 section 13.1.5).
#[must_use]
pub fn range_applies(request: Head<'_>, stored: Head<'_>) -> bool {
    let mut validators = request.values(Name::IfRange);
    let validator = match (validators.next(), validators.next()) {
        (None, _) => return true,
        (Some(validator), None) => validator,
        (Some(_), Some(_)) => return false,
    };
    if let Some(asked) = EntityTag::of(validator) {
        return stored_tag(stored).is_some_and(|tag| tag.is(asked));
    }
    let (asked, modified) = (parse_http_date(validator), stored.date(Name::LastModified));
    // A change within the same second would not show: the date is good only a second after it (section 8.8.2.2).
    let settled = match (modified, stored.date(Name::Date)) {
        (Some(modified), Some(date)) => modified < date,
        _ => false,
    };
    asked.is_some() && asked == modified && settled
}

fn names(request: Head<'_>, stored: Head<'_>) -> bool {
    let tag = stored_tag(stored);
    request.values(Name::IfNoneMatch).any(|line| {
        line == b"*" || tag.is_some_and(|tag| tags(line).any(|asked| asked.matches(tag)))
    })
}

/// Whether it has not changed since the date that the request gives. Where it does not say when it last did, when it was
/// made counts, or when it came.
fn is_since(request: Head<'_>, stored: Head<'_>, came: u64) -> bool {
    let mut dates = request.values(Name::IfModifiedSince);
    let (Some(date), None) = (dates.next(), dates.next()) else {
        return false;
    };
    let changed = stored
        .date(Name::LastModified)
        .or_else(|| stored.date(Name::Date))
        .unwrap_or(came);
    parse_http_date(date).is_some_and(|date| changed <= date)
}

fn stored_tag(stored: Head<'_>) -> Option<EntityTag<'_>> {
    EntityTag::of(stored.values(Name::ETag).next()?)
}
