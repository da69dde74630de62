//! The coded forms that one core is to make, and those that it has asked for.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use ringfence_cache::Object;
use ringfence_coding::ContentCoding;
use ringfence_telemetry::WorkerStats;

use crate::note::SharedKey;

/// Responses that wait at one core to be coded. What is more is coded when it is asked for again.
const MOST_WAITING: usize = 64;

/// Forms that a core has asked for of late. No more are asked for before those are forgotten.
const MOST_WANTED: usize = 256;

/// What one core has to do with coded forms.
pub(super) struct Workbench {
    /// Those that it has asked for since they were last forgotten: which response, by its address, and which coding.
    wanted: RefCell<HashSet<(usize, u8)>>,
    /// Those that it is to make, one after another; it is at the first.
    queue: RefCell<VecDeque<Rc<Work>>>,
    /// Counts what is coded.
    pub(super) stats: Arc<WorkerStats>,
}

/// A form that is to be made.
pub(super) struct Work {
    pub(super) key: SharedKey,
    pub(super) object: Arc<Object>,
    pub(super) coding: ContentCoding,
}

impl Workbench {
    pub(super) fn new(stats: Arc<WorkerStats>) -> Self {
        Self {
            wanted: RefCell::default(),
            queue: RefCell::default(),
            stats,
        }
    }

    /// Takes note that a form is asked for; false where it was already, or too many were.
    pub(super) fn want(&self, object: &Arc<Object>, coding: ContentCoding) -> bool {
        let mut wanted = self.wanted.borrow_mut();
        wanted.len() < MOST_WANTED && wanted.insert((Arc::as_ptr(object).addr(), coding as u8))
    }

    /// Forgets what was asked for: if it is still not there, it may be asked for again.
    pub(super) fn forget(&self) {
        self.wanted.borrow_mut().clear();
    }

    /// Has a form made after those that wait, whose bodies may have `most` bytes together; true where nothing is under way,
    /// and so somebody has to begin.
    pub(super) fn push(&self, work: Work, most: usize) -> bool {
        let mut queue = self.queue.borrow_mut();
        let same = |other: &Rc<Work>| {
            other.coding == work.coding && other.object.has_same_body(&work.object)
        };
        let waiting: usize = queue.iter().map(|work| work.object.body.len()).sum();
        let has_room = queue.len() < MOST_WAITING && waiting + work.object.body.len() <= most;
        if !has_room || queue.iter().any(same) {
            return false;
        }
        queue.push_back(Rc::new(work));
        queue.len() == 1
    }

    /// The one whose turn it is.
    pub(super) fn first(&self) -> Option<Rc<Work>> {
        self.queue.borrow().front().cloned()
    }

    /// That one is done.
    pub(super) fn shift(&self) {
        self.queue.borrow_mut().pop_front();
    }

    /// Nobody goes on with what waits.
    pub(super) fn clear(&self) {
        self.queue.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::sample;

    fn work(len: usize, coding: ContentCoding) -> Work {
        Work {
            key: SharedKey {
                hash: 0,
                bytes: Arc::new([]),
            },
            object: sample::object(vec![0; len].into()),
            coding,
        }
    }

    #[test]
    fn what_waits_is_bounded_and_there_once() {
        let bench = Workbench::new(Arc::default());
        let first = work(100, ContentCoding::Gzip);
        let object = first.object.clone();
        assert!(bench.push(first, 1000), "somebody has to begin");
        let again = |coding| Work {
            object: object.clone(),
            ..work(0, coding)
        };
        bench.push(again(ContentCoding::Gzip), 1000);
        assert!(
            !bench.push(again(ContentCoding::Brotli), 1000),
            "somebody has begun"
        );
        assert_eq!(bench.queue.borrow().len(), 2);
        bench.push(work(801, ContentCoding::Gzip), 1000);
        assert_eq!(bench.queue.borrow().len(), 2, "too many bytes");
        for _ in 0..MOST_WAITING * 2 {
            bench.push(work(1, ContentCoding::Gzip), 1000);
        }
        assert_eq!(bench.queue.borrow().len(), MOST_WAITING);
        assert_eq!(bench.first().unwrap().object.body.len(), 100);
        bench.shift();
        assert_eq!(bench.first().unwrap().coding, ContentCoding::Brotli);
        bench.clear();
        assert!(bench.first().is_none());
    }

    #[test]
    fn what_is_wanted_is_asked_for_once_in_a_while() {
        let bench = Workbench::new(Arc::default());
        let object = work(1, ContentCoding::Gzip).object;
        assert!(bench.want(&object, ContentCoding::Gzip));
        assert!(!bench.want(&object, ContentCoding::Gzip));
        assert!(bench.want(&object, ContentCoding::Brotli));
        bench.forget();
        assert!(bench.want(&object, ContentCoding::Gzip));
        let many: Vec<_> = (0..MOST_WANTED)
            .map(|_| work(1, ContentCoding::Gzip).object)
            .collect();
        let asked = many
            .iter()
            .filter(|object| bench.want(object, ContentCoding::Gzip));
        assert_eq!(asked.count(), MOST_WANTED - 1);
    }
}
