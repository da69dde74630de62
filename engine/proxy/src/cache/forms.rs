//! Coded forms of stored responses. A response is coded once in each coding, by its key's home, when it is first asked for so;
//! until then it is sent as it is. All cores are handed what came of it, and put it beside the response if they still have that.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::{Form, Object};
use ringfence_coding::{ContentCoding, Effort, Encoder, SLICE};
use ringfence_io::{next_turn, spawn};
use ringfence_telemetry::WorkerStats;

use crate::cache::{Aside, Cache};
use crate::note::{Coded, Note, SharedKey};
use crate::recode::recoded;

/// Responses that wait at one core to be coded, one after another. What is more is coded when it is asked for again.
const MOST_WAITING: usize = 64;

/// Forms that a core has asked for of late. No more are asked for before those are forgotten.
const MOST_WANTED: usize = 256;

/// A form has to be shorter by one byte in so many, or it is not worth its memory beside what it is made of.
const LEAST_SAVED: usize = 20;

/// What one core has to do with coded forms.
pub(super) struct Forms {
    /// Those that it has asked for since they were last forgotten: which response, by its address, and which coding.
    wanted: RefCell<HashSet<(usize, u8)>>,
    /// Those that it is to make; it is at the first.
    queue: RefCell<VecDeque<Rc<Work>>>,
    /// Counts what is coded.
    stats: Arc<WorkerStats>,
}

impl Forms {
    pub(super) fn new(stats: Arc<WorkerStats>) -> Self {
        Self {
            wanted: RefCell::default(),
            queue: RefCell::default(),
            stats,
        }
    }

    /// Forgets what was asked for: if it is still not there, it may be asked for again.
    pub(super) fn forget(&self) {
        self.wanted.borrow_mut().clear();
    }
}

impl Cache {
    /// Has a stored response coded, unless that was asked for already.
    pub(crate) fn want_form(
        &self,
        key: impl FnOnce() -> SharedKey,
        object: &Arc<Object>,
        coding: ContentCoding,
    ) {
        let mut wanted = self.forms.wanted.borrow_mut();
        let one = (Arc::as_ptr(object).addr(), coding as u8);
        if wanted.len() >= MOST_WANTED || !wanted.insert(one) {
            return;
        }
        drop(wanted);
        let key = key();
        let note = Note::Code {
            key: key.clone(),
            object: object.clone(),
            coding,
            asker: self.index,
        };
        self.tell(self.home(key.hash), note);
    }

    /// Codes a stored response for all cores, or hands over what has come of that already.
    pub(super) fn code(
        self: Rc<Self>,
        key: SharedKey,
        object: Arc<Object>,
        coding: ContentCoding,
        asker: usize,
    ) {
        if let Some(body) = self.known(&key, &object, coding) {
            let coded = Coded {
                object,
                coding,
                body,
            };
            return self.tell(asker, Note::Coded { key, coded });
        }
        let mut queue = self.forms.queue.borrow_mut();
        let is_known = queue
            .iter()
            .any(|work| work.coding == coding && work.object.has_same_body(&object));
        if is_known || queue.len() >= MOST_WAITING {
            return;
        }
        // What it is coded to is no longer than it is itself.
        let Some(aside) = self.set_aside(object.body.len()) else {
            return;
        };
        let idle = queue.is_empty();
        queue.push_back(Rc::new(Work {
            key,
            object,
            coding,
            _aside: aside,
        }));
        drop(queue);
        if idle {
            spawn(code_all(Shift(self)));
        }
    }

    /// What the response was coded to, as far as this core knows.
    fn known(
        &self,
        key: &SharedKey,
        object: &Object,
        coding: ContentCoding,
    ) -> Option<Option<Bytes>> {
        let held = self.held(key, object)?;
        Some(match held.form(coding)? {
            Form::Made(form) => Some(form.body.clone()),
            Form::Useless => None,
        })
    }

    /// The response as this core has it: it may have been validated meanwhile.
    fn held(&self, key: &SharedKey, object: &Object) -> Option<Arc<Object>> {
        let store = self.store.borrow();
        let mut variants = store.variants(key.key());
        let held = variants.find(|found| found.value.has_same_body(object))?;
        Some(held.value.clone())
    }

    /// Puts what a response was coded to beside it, if it is still here.
    pub(super) fn put_coded(&self, key: &SharedKey, coded: &Coded) {
        let Some(held) = self.held(key, &coded.object) else {
            return;
        };
        let form = match &coded.body {
            Some(body) => recoded(&held, coded.coding, body.clone()),
            None => Form::Useless,
        };
        let with = Arc::new(held.with_form(coded.coding, form));
        let is = |other: &Arc<Object>| Arc::ptr_eq(other, &held);
        self.store.borrow_mut().exchange(key.key(), with, is);
    }
}

/// A form that is to be made.
struct Work {
    key: SharedKey,
    object: Arc<Object>,
    coding: ContentCoding,
    _aside: Aside,
}

/// The task that codes what waits. If it ends before it has, what is left is forgotten.
struct Shift(Rc<Cache>);

impl Drop for Shift {
    fn drop(&mut self) {
        self.0.forms.queue.borrow_mut().clear();
    }
}

/// Codes what waits, one after another.
async fn code_all(shift: Shift) {
    let cache = &shift.0;
    loop {
        let first = cache.forms.queue.borrow().front().cloned();
        let Some(work) = first else { return };
        let body = encoded(&work, &cache.forms.stats).await.map(Bytes::from);
        for worker in 0..cache.house.posts.len() {
            let coded = Coded {
                object: work.object.clone(),
                coding: work.coding,
                body: body.clone(),
            };
            let key = work.key.clone();
            cache.tell(worker, Note::Coded { key, coded });
        }
        cache.forms.queue.borrow_mut().pop_front();
    }
}

/// The coded body, made a slice at a turn; nothing where it is hardly shorter.
async fn encoded(work: &Work, stats: &WorkerStats) -> Option<Vec<u8>> {
    let body = &work.object.body;
    let most = body.len() - body.len() / LEAST_SAVED;
    let mut encoder = Encoder::new(work.coding, Effort::Kept, Some(body.len() as u64)).ok()?;
    let mut out = Vec::new();
    for slice in body.chunks(SLICE) {
        encoder.push(slice, &mut out).ok()?;
        stats.coded_in.add(slice.len() as u64);
        if out.len() >= most {
            return None;
        }
        next_turn().await;
    }
    encoder.finish(&mut out).ok()?;
    stats.coded_out.add(out.len() as u64);
    out.shrink_to_fit();
    (out.len() < most).then_some(out)
}
