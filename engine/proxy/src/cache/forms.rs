//! Coded forms of stored responses. A response is coded once in each coding, by its key's home, when it is first asked for so;
//! until then it is sent as it is. All cores are handed what came of it, and put it beside the response if they still have that.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::{Form, Object};
use ringfence_coding::{CannotEncode, ContentCoding, Effort, Encoder, SLICE};
use ringfence_io::{next_turn, shelve, spawn};
use ringfence_telemetry::WorkerStats;

use crate::cache::Cache;
use crate::cache::workbench::Work;
use crate::note::{Coded, Note, SharedKey};
use crate::recode::recoded;

/// A form has to be shorter by one byte in so many, or it is not worth its memory beside what it is made of.
const LEAST_SAVED: usize = 20;

/// Of what the store may hold, one part in so many is what may wait to be coded.
const WAITING: usize = 8;

impl Cache {
    /// Has a stored response coded, unless that was asked for already.
    pub(crate) fn want_form(
        &self,
        key: impl FnOnce() -> SharedKey,
        object: &Arc<Object>,
        coding: ContentCoding,
    ) {
        if !self.workbench.want(object, coding) {
            return;
        }
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
        let work = Work {
            key,
            object,
            coding,
        };
        let most = self.store.borrow().limit() / WAITING;
        if self.workbench.push(work, most) {
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

    /// Hands what a response was coded to to all cores.
    fn hand_out(&self, work: &Work, body: Option<Bytes>) {
        for worker in 0..self.house.posts.len() {
            let coded = Coded {
                object: work.object.clone(),
                coding: work.coding,
                body: body.clone(),
            };
            let key = work.key.clone();
            self.tell(worker, Note::Coded { key, coded });
        }
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

/// The task that codes what waits. If it ends before it has, what is left is forgotten.
struct Shift(Rc<Cache>);

impl Drop for Shift {
    fn drop(&mut self) {
        self.0.workbench.clear();
    }
}

/// Codes what waits, one after another.
async fn code_all(shift: Shift) {
    let cache = &shift.0;
    while let Some(work) = cache.workbench.first() {
        // Where the encoder gave up nothing is known, and the form may be asked for again.
        if let Ok(body) = encoded(&work, &cache.workbench.stats).await {
            cache.hand_out(&work, body.map(|body| shelve(body.into())));
        }
        cache.workbench.shift();
    }
}

/// The coded body, made a slice at a turn; nothing where it is hardly shorter.
async fn encoded(work: &Work, stats: &WorkerStats) -> Result<Option<Vec<u8>>, CannotEncode> {
    let body = &work.object.body;
    let most = body.len() - body.len() / LEAST_SAVED;
    let mut encoder = Encoder::new(work.coding, Effort::Kept, Some(body.len() as u64))?;
    let mut out = Vec::new();
    for slice in body.chunks(SLICE) {
        let before = out.len();
        encoder.push(slice, &mut out)?;
        stats.coded_in.add(slice.len() as u64);
        stats.coded_out.add((out.len() - before) as u64);
        if out.len() >= most {
            return Ok(None);
        }
        next_turn().await;
    }
    let before = out.len();
    encoder.finish(&mut out)?;
    stats.coded_out.add((out.len() - before) as u64);
    out.shrink_to_fit();
    Ok((out.len() < most).then_some(out))
}
