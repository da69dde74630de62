//! A stored response for tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringfence_cache::{Circumstances, Head, Heuristic, Object, Received, ResponseControl};
use ringfence_http::{HeadLimits, Method, ResponseHead};

/// One with this body, and without fields.
pub(crate) fn object(body: Bytes) -> Arc<Object> {
    let bytes = b"HTTP/1.1 200 OK\r\n\r\n";
    let mut head = ResponseHead::new();
    let parsed = head.parse(bytes, &HeadLimits::default(), Method::Get);
    parsed.unwrap().unwrap();
    let circumstances = Circumstances {
        received: Received {
            delay: 0,
            came: 0,
            date: 0,
        },
        heuristic: Heuristic::default(),
        request: Head {
            fields: &head.fields,
            bytes,
        },
        generation: 0,
        tags: &[],
        group: 0,
        asked: Duration::ZERO,
        came: Duration::ZERO,
    };
    let control = ResponseControl::default();
    Arc::new(Object::new(&head, bytes, control, body, &circumstances).unwrap())
}
