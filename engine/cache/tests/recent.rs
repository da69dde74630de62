//! Which of two responses to the same request is the more recent.

use std::time::Duration;

use bytes::Bytes;
use ringfence_cache::{Circumstances, Head, Heuristic, Object, Received, ResponseControl};
use ringfence_http::{HeadLimits, Method, ResponseHead};

/// One that was asked for and came at these times, in milliseconds, with these fields, after so many purges.
fn object((asked, came): (u64, u64), fields: &str, generation: u64) -> Object {
    let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    let mut head = ResponseHead::new();
    let parsed = head.parse(text.as_bytes(), &HeadLimits::default(), Method::Get);
    parsed.unwrap().unwrap();
    let circumstances = Circumstances {
        received: Received {
            delay: 0,
            came: came / 1000,
            date: 784_111_777,
        },
        heuristic: Heuristic::default(),
        request: Head {
            fields: &head.fields,
            bytes: text.as_bytes(),
        },
        generation,
        tags: &[],
        group: 0,
        asked: Duration::from_millis(asked),
        came: Duration::from_millis(came),
    };
    let control = ResponseControl::default();
    Object::new(
        &head,
        text.as_bytes(),
        control,
        Bytes::new(),
        &circumstances,
    )
    .unwrap()
}

#[test]
fn the_more_recent_of_two_that_were_on_their_way_at_once_is_told_by_date_and_then_by_when_it_was_asked_for()
 {
    let [old, new] = [37, 38].map(|s| format!("Date: Sun, 06 Nov 1994 08:49:{s} GMT\r\n"));
    for (stored, came, outdates) in [
        // By when they were asked for.
        (object((20, 30), "", 0), object((10, 40), "", 0), true),
        (object((10, 30), "", 0), object((20, 40), "", 0), false),
        (object((20, 30), &old, 0), object((10, 40), &old, 0), true),
        (object((20, 30), &old, 0), object((10, 40), "", 0), true),
        (
            object((20, 30), "Date: x\r\n", 0),
            object((10, 40), &new, 0),
            true,
        ),
        // By date.
        (object((20, 30), &old, 0), object((10, 40), &new, 0), false),
        (object((10, 30), &new, 0), object((20, 40), &old, 0), true),
        // One after the other.
        (object((10, 20), &new, 0), object((20, 30), &old, 0), false),
        (object((10, 20), &new, 0), object((30, 40), &old, 0), false),
        // With a purge between.
        (object((10, 30), &new, 0), object((20, 40), &old, 1), false),
        (object((20, 30), "", 1), object((10, 40), "", 0), true),
    ] {
        assert_eq!(stored.outdates(&came), outdates, "{stored:?} {came:?}");
    }
}
