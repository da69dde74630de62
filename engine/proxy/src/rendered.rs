//! Heads of stored responses as they were written a moment ago: what is asked for again and again is written once a second.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use ringfence_cache::Object;
use ringfence_config::RouteId;

use crate::cache::Report;

/// Heads that a core keeps at most. Which of them has which place follows from where its object lies.
const PLACES: usize = 256;

/// Bytes of the longest head that is kept.
const LONGEST: usize = 1 << 10;

/// What was written of late under one plan.
pub(crate) struct Rendered(RefCell<Vec<Place>>);

/// All that a head follows from, besides the plan.
pub(crate) struct Subject<'a> {
    pub(crate) object: &'a Arc<Object>,
    pub(crate) route: RouteId,
    pub(crate) report: &'a Report,
    /// What its age counts from.
    pub(crate) second: u64,
}

#[derive(Default)]
struct Place {
    of: Option<Sign>,
    /// Empty where it was written only once.
    head: Vec<u8>,
    /// Whose head that is: as long as it is held, alive or not, nothing else can lie at its address.
    _object: Weak<Object>,
}

/// What two heads that are alike have in common.
#[derive(PartialEq)]
struct Sign {
    object: *const Object,
    route: RouteId,
    report: Report,
    second: u64,
}

impl Rendered {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Has `write` append the head, or does so itself where it was written twice before.
    pub(crate) fn write(
        &self,
        subject: &Subject<'_>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut places = self.0.borrow_mut();
        if places.is_empty() {
            places.resize_with(PLACES, Place::default);
        }
        let place = &mut places[place_of(subject.object)];
        let sign = Some(subject.sign());
        if place.of != sign {
            place.of = sign;
            place.head.clear();
            write(out);
        } else if place.head.is_empty() {
            let start = out.len();
            write(out);
            place.keep(subject.object, &out[start..]);
        } else {
            out.extend_from_slice(&place.head);
        }
    }
}

impl Subject<'_> {
    fn sign(&self) -> Sign {
        Sign {
            object: Arc::as_ptr(self.object),
            route: self.route,
            report: *self.report,
            second: self.second,
        }
    }
}

impl Place {
    fn keep(&mut self, object: &Arc<Object>, head: &[u8]) {
        if head.len() <= LONGEST {
            self.head.extend_from_slice(head);
            self._object = Arc::downgrade(object);
        }
    }
}

/// By its address, of which the lowest bits are the same for all.
fn place_of(object: &Arc<Object>) -> usize {
    let address = Arc::as_ptr(object).addr() >> 4;
    (address ^ address >> 8) % PLACES
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cache::{Served, sample};

    /// What goes out for a subject where it would be written as `text`.
    fn written(rendered: &Rendered, subject: &Subject<'_>, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        rendered.write(subject, &mut out, |out| out.extend_from_slice(text));
        out
    }

    /// The hit of an object on the first route, in some second.
    fn hit<'a>(object: &'a Arc<Object>, report: &'a Report) -> Subject<'a> {
        Subject {
            object,
            route: RouteId(0),
            report,
            second: 7,
        }
    }

    #[test]
    fn a_head_is_written_twice_and_then_copied() {
        let object = sample::object(Bytes::new());
        let report = Report::of(Served::Hit, None);
        let subject = hit(&object, &report);
        let rendered = Rendered::new();
        assert_eq!(written(&rendered, &subject, b"a"), b"a");
        assert_eq!(written(&rendered, &subject, b"b"), b"b");
        assert_eq!(written(&rendered, &subject, b"c"), b"b");
        assert_eq!(written(&rendered, &subject, b"d"), b"b");
    }

    #[test]
    fn what_a_head_follows_from_has_it_written_anew() {
        let objects = [(); 2].map(|()| sample::object(Bytes::new()));
        let reports = [Served::Hit, Served::Stale].map(|served| Report::of(served, None));
        let rendered = Rendered::new();
        for ((object, report), (route, second)) in objects
            .iter()
            .flat_map(|object| reports.iter().map(move |report| (object, report)))
            .flat_map(|pair| [(pair, (0, 7)), (pair, (1, 7)), (pair, (1, 8))])
        {
            let route = RouteId(route);
            let subject = Subject {
                object,
                route,
                report,
                second,
            };
            let text = format!("{object:p} {:?} {} {second}", report.outcome, route.index());
            for _ in 0..3 {
                assert_eq!(
                    written(&rendered, &subject, text.as_bytes()),
                    text.as_bytes()
                );
            }
        }
    }

    #[test]
    fn what_lies_where_another_lay_has_a_head_of_its_own() {
        let report = Report::of(Served::Hit, None);
        let rendered = Rendered::new();
        for round in 0..100_u8 {
            let object = sample::object(Bytes::new());
            let subject = hit(&object, &report);
            for _ in 0..3 {
                assert_eq!(written(&rendered, &subject, &[round]), [round]);
            }
        }
    }

    #[test]
    fn long_heads_are_written_each_time() {
        let object = sample::object(Bytes::new());
        let report = Report::of(Served::Hit, None);
        let subject = hit(&object, &report);
        let rendered = Rendered::new();
        for round in 0..4_u8 {
            let text = vec![round; LONGEST + 1];
            assert_eq!(written(&rendered, &subject, &text), text);
        }
    }
}
