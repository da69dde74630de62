//! Coded forms of a stored response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringfence_cache::{
    Circumstances, Form, Head, Heuristic, Object, Received, ResponseControl, Stored,
};
use ringfence_config::ContentCoding;
use ringfence_http::{HeadLimits, Method, Name, RequestHead, ResponseHead};

const LIMITS: HeadLimits = HeadLimits {
    max_line: 1000,
    max_head: 1000,
    max_fields: 10,
};

fn object(body: &Bytes) -> Object {
    let bytes = b"HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Type: text/css\r\nDigest: x\r\n\r\n";
    let mut head = ResponseHead::new();
    head.parse(bytes, &LIMITS, Method::Get).unwrap().unwrap();
    let asked = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut request = RequestHead::new();
    request.parse(asked, &LIMITS).unwrap().unwrap();
    let circumstances = Circumstances {
        received: Received {
            delay: 0,
            came: 0,
            date: 0,
        },
        heuristic: Heuristic::default(),
        request: Head {
            fields: &request.fields,
            bytes: asked,
        },
        generation: 7,
        group: 0,
        asked: Duration::ZERO,
        came: Duration::ZERO,
        tags: &[1, 2],
    };
    let control = ResponseControl::default();
    Object::new(&head, bytes, control, body.clone(), &circumstances).unwrap()
}

/// Its form with this body, and another tag.
fn form(object: &Object, body: &'static [u8]) -> Arc<Object> {
    let drops = |id, name: &[u8]| id == Name::ETag || name.eq_ignore_ascii_case(b"digest");
    let adds: [(&[u8], &[u8]); 2] = [(b"Content-Encoding", b"br"), (b"ETag", b"\"v-br\"")];
    let form = object.recoded(Bytes::from_static(body), drops, &adds);
    Arc::new(form.unwrap())
}

#[test]
fn a_form_has_fields_and_a_body_of_its_own_and_all_else_of_the_response() {
    let object = object(&Bytes::from(vec![1; 1000]));
    let form = form(&object, b"short");
    assert_eq!(
        String::from_utf8_lossy(form.lines()),
        "Content-Type: text/css\r\nContent-Encoding: br\r\nETag: \"v-br\"\r\n"
    );
    assert_eq!((&form.body[..], form.status), (&b"short"[..], 200));
    assert_eq!(form.freshness, object.freshness);
    assert_eq!((form.generation(), form.tags()), (7, &[1, 2][..]));
}

#[test]
fn a_response_with_forms_weighs_as_much_as_all_of_them() {
    let plain = Arc::new(object(&Bytes::from(vec![1; 1000])));
    let form = form(&plain, b"short");
    assert!(plain.form(ContentCoding::Brotli).is_none());
    let with = plain.with_form(ContentCoding::Brotli, Form::Made(form.clone()));
    let with = with.with_form(ContentCoding::Gzip, Form::Useless);
    assert!(matches!(
        with.form(ContentCoding::Brotli),
        Some(Form::Made(_))
    ));
    assert!(matches!(
        with.form(ContentCoding::Gzip),
        Some(Form::Useless)
    ));
    assert!(with.form(ContentCoding::Zstd).is_none());
    let table = size_of::<[Option<Form>; 3]>();
    assert_eq!(
        Arc::new(with).weight(),
        plain.weight() + form.weight() + table
    );
}

#[test]
fn the_same_body_is_the_very_same() {
    let body = Bytes::from(vec![1; 1000]);
    let (one, other) = (object(&body), object(&body));
    assert!(one.has_same_body(&other), "as after it was validated");
    assert!(!one.has_same_body(&object(&Bytes::from(vec![1; 1000]))));
}
