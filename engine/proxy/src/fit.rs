//! Which responses may be stored, by their heads and what their routes say.

use ringfence_cache::{
    Asked, Head, NotStored, RequestControl, ResponseControl, in_force, says_how_long, storable,
    user,
};
use ringfence_http::syntax::decimal;
use ringfence_http::{Method, Name, ResponseHead};

use crate::bypass;
use crate::exchange::{Call, Exchange};
use crate::keys;
use crate::tags;

/// Whether this response to HEAD is one that would be stored were it to GET, as far as its head tells.
pub(crate) fn would_be_stored(ex: &Exchange<'_>, call: &Call) -> bool {
    let is_head = ex.heads.request.method == Method::Head && ex.route().cache.is_some();
    if !is_head || bypass::whatever_method(ex).is_some() {
        return false;
    }
    let (rules, head) = (ex.rules(), &ex.heads.response);
    let length = Head::of_response(head, &call.head).value(Name::ContentLength);
    let is_small = length
        .and_then(decimal)
        .is_none_or(|length| length <= rules.max_object);
    let cache = &ex.conn.worker.cache;
    let is_used =
        rules.min_uses <= 1 || cache.uses(&keys::share(ex)).saturating_add(1) >= rules.min_uses;
    let asked = (Method::Get, RequestControl::of(ex.fields()));
    let control = control(ex, head, &call.head);
    is_small && is_used && may_be_stored(ex, asked, head, &call.head, &control).is_ok()
}

/// What counts of the directives of a response on this route.
pub(crate) fn control(ex: &Exchange<'_>, head: &ResponseHead, bytes: &[u8]) -> ResponseControl {
    let personal = user(ex.fields(), ex.rules()).is_some();
    in_force(
        ex.rules(),
        Head::of_response(head, bytes),
        head.status,
        personal,
    )
}

/// Whether a response to such a request may be stored, by its head.
pub(crate) fn may_be_stored(
    ex: &Exchange<'_>,
    (method, wants): (Method, RequestControl),
    head: &ResponseHead,
    bytes: &[u8],
    control: &ResponseControl,
) -> Result<(), Unfit> {
    let response = Head::of_response(head, bytes);
    let asked = Asked {
        method,
        head: ex.fields(),
        control: wants,
    };
    storable(&asked, response, head.status, control).map_err(Unfit::of)?;
    let personal = user(ex.fields(), ex.rules()).is_some();
    if response.has(Name::SetCookie) && !personal && !says_how_long(response) {
        return Err(Unfit::by_response("set-cookie"));
    }
    if !tags::fit(ex, response) {
        return Err(Unfit::by_response("too-many-tags"));
    }
    Ok(())
}

/// Why a response is not stored.
pub(crate) struct Unfit {
    pub(crate) word: &'static str,
    /// It lies in this request, and is no reason for others to go alone.
    pub(crate) by_request: bool,
}

impl Unfit {
    fn of(why: NotStored) -> Self {
        Self {
            word: why.word(),
            by_request: matches!(why, NotStored::Authorization | NotStored::RequestNoStore),
        }
    }

    pub(crate) fn by_response(word: &'static str) -> Self {
        Self {
            word,
            by_request: false,
        }
    }
}
