//! What a route's rules make of the directives that came.

use ringfence_config::{CacheRules, Origin};
use ringfence_http::Name;

use crate::freshness::expires;
use crate::head::Head;
use crate::response::{ResponseControl, Scope};
use crate::seconds::Seconds;

/// What counts of the directives of a response with `status` on a route with these rules. `personal` is true where the
/// request's user has a cache of their own: then it is no shared one.
#[must_use]
pub fn in_force(
    rules: &CacheRules,
    response: Head<'_>,
    status: u16,
    personal: bool,
) -> ResponseControl {
    let ttl = rules.ttl_of(status, response.values(Name::ContentType).next());
    let ttl = ttl.map(|ttl| Seconds::of(ttl.as_secs()));
    let mut control = match rules.origin {
        Origin::Respect => ResponseControl::in_force(response),
        Origin::Ignore => ResponseControl {
            no_store: ttl.is_none(),
            // Expires does not count either.
            targeted: true,
            ..ResponseControl::default()
        },
    };
    if personal {
        control.private = Scope::Nothing;
        control.public = true;
    }
    if let (Some(ttl), false, false) = (ttl, control.gives_age(), expires(response, &control)) {
        control.max_age = ttl;
    }
    for (directive, default) in [
        (
            &mut control.stale_while_revalidate,
            rules.stale_while_revalidate,
        ),
        (&mut control.stale_if_error, rules.stale_if_error),
    ] {
        if let (Seconds::Absent, Some(default)) = (*directive, default) {
            *directive = Seconds::of(default.as_secs());
        }
    }
    control
}

/// Whether a response says itself for how long it is fresh.
#[must_use]
pub fn says_how_long(response: Head<'_>) -> bool {
    let control = ResponseControl::in_force(response);
    control.gives_age() || expires(response, &control)
}
