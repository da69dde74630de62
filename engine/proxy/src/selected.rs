//! Which form of a stored response a client is sent.

use std::sync::Arc;

use ringfence_cache::{Form, Object};
use ringfence_coding::Candidate;

use crate::compress::wanted;
use crate::exchange::Exchange;
use crate::keys;

/// The form of a stored response that the client is sent, and whether others may be sent another. Where it is not there yet, it
/// is asked for, and the response goes out as it is.
pub(crate) fn form(ex: &Exchange<'_>, object: Arc<Object>) -> (Arc<Object>, bool) {
    let varies = varies(ex, &object, Some(object.body.len()));
    let rules = ex.route().compress.as_ref().filter(|_| varies);
    let Some(coding) = rules.and_then(|rules| wanted(ex, &rules.codings)) else {
        return (object, varies);
    };
    match object.form(coding) {
        Some(Form::Made(form)) => return (form.clone(), varies),
        Some(Form::Useless) => {}
        None => {
            let cache = &ex.conn.worker.cache;
            cache.want_form(|| keys::share(ex), &object, coding);
        }
    }
    (object, varies)
}

/// Whether others may be sent a stored response, whose body has so many bytes where that is known, in another form.
pub(crate) fn varies(ex: &Exchange<'_>, object: &Object, len: Option<usize>) -> bool {
    let head = object.head();
    let candidate = Candidate {
        status: object.status,
        fields: head.fields,
        bytes: head.bytes,
        length: len.map(|len| len as u64),
    };
    let rules = ex.route().compress.as_ref();
    rules.is_some_and(|rules| candidate.is_fit(rules))
}
