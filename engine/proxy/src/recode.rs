//! Coded forms of stored responses: what is another in their heads.

use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::{Form, Object};
use ringfence_coding::{ContentCoding, coded, is_of_bytes};
use ringfence_http::Name;
use ringfence_http::syntax::list_members;

/// The form of a stored response whose body was coded to this.
pub(crate) fn recoded(object: &Object, coding: ContentCoding, body: Bytes) -> Form {
    let head = object.head();
    let tag = head
        .value(Name::ETag)
        .and_then(|tag| coded(tag, coding))
        .unwrap_or_default();
    let mut adds = vec![(&b"Content-Encoding"[..], coding.as_str().as_bytes())];
    if !tag.is_empty() {
        adds.push((b"ETag", &tag));
    }
    if !says(head.fields.get_all(head.bytes, Name::Vary)) {
        adds.push((b"Vary", b"Accept-Encoding"));
    }
    let drops = |id, name: &[u8]| id == Name::ETag || is_of_bytes(id, name);
    match object.recoded(body, drops, &adds) {
        Ok(form) => Form::Made(Arc::new(form)),
        Err(_) => Form::Useless,
    }
}

/// A stored response that was validated, with the forms of what it was before: its body is the same.
pub(crate) fn keep_forms(object: Arc<Object>, old: &Object) -> Arc<Object> {
    let known = |coding| Some((coding, old.form(coding)?));
    let known = ContentCoding::ALL
        .iter()
        .filter_map(|coding| known(*coding));
    known.fold(object, |object, (coding, form)| {
        let form = match form {
            Form::Made(form) => recoded(&object, coding, form.body.clone()),
            Form::Useless => Form::Useless,
        };
        Arc::new(object.with_form(coding, form))
    })
}

/// Whether lines of Vary say that the form depends on what the client takes.
pub(crate) fn says<'a>(lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut members = lines.flat_map(list_members);
    members.any(|member| member == b"*" || Name::of(member) == Name::AcceptEncoding)
}
