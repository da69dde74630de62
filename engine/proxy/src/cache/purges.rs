//! Purges: how they reach all cores, and who waits until they have.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;

use ringfence_cache::{Head, KeyParts, Purge};
use ringfence_config::KeyRules;
use ringfence_http::RequestHead;
use ringfence_io::{next_turn, spawn};

use crate::cache::Cache;
use crate::house::{House, Order};
use crate::note::{CacheNote, Note, Purged, Url};
use crate::tag::counted;

/// Entries of a slice.
const SLICE: usize = 1 << 10;

impl Cache {
    /// Waits until all purges have been carried out here that were ordered before.
    pub(crate) async fn catch_up(&self) {
        let wanted = self.generation();
        poll_fn(|cx| {
            if self.purged.get() >= wanted {
                return Poll::Ready(());
            }
            self.behind.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Has all cores answer no more with what `what` covers; this one at once.
    pub(crate) fn purge(&self, what: Purged, kind: Purge) {
        let tell = |worker, note| self.tell(worker, note);
        order_by(&self.house, [what].into(), kind, None, tell);
    }

    fn counted_tag(&self, url: &Url, rules: &KeyRules) -> u64 {
        let nothing = RequestHead::new();
        let parts = KeyParts {
            realm: 0,
            scheme: "http",
            host: &url.host,
            path: &url.path,
            query: url.query.as_deref(),
            head: Head {
                fields: &nothing.fields,
                bytes: b"",
            },
        };
        counted(&self.house, &parts, rules)
    }

    pub(super) fn carry_out(&self, what: &[Purged], generation: u64, kind: Purge) {
        let mut store = self.store.borrow_mut();
        for part in what {
            match part {
                Purged::Tag(tag) => store.purge_tag(*tag, generation, kind),
                Purged::Counted(url) => {
                    for rules in &*self.counted.borrow() {
                        store.purge_tag(self.counted_tag(url, rules), generation, kind);
                    }
                }
                Purged::Urls(pattern) => store.purge_urls(pattern.clone(), generation, kind),
                Purged::All => store.purge_all(generation, kind),
            }
        }
        let seeks = store.seeks();
        drop(store);
        if seeks {
            self.clear_away();
        }
        self.purged.set(self.purged.get() + 1);
        for waker in self.behind.take() {
            waker.wake();
        }
    }

    /// Has what purges of URLs cover go, a slice at a time beside its requests. It is not answered with meanwhile.
    fn clear_away(&self) {
        if self.clears_away.replace(true) {
            return;
        }
        let own = self.own.clone();
        spawn(async move {
            while let Some(cache) = own.upgrade() {
                if !cache.store.borrow().seeks() {
                    return cache.clears_away.set(false);
                }
                cache.sweep_some(SLICE);
                drop(cache);
                next_turn().await;
            }
        });
    }
}

/// Has every worker purge `what`, from a thread that is none of theirs. Each sends once it has done so.
pub(crate) fn order(house: &House, what: Arc<[Purged]>, kind: Purge) -> Receiver<()> {
    let (done, carried_out) = channel();
    let tell = |worker: usize, note| house.posts[worker].post(Order::Cache(CacheNote(note)));
    order_by(house, what, kind, Some(&done), tell);
    carried_out
}

/// Takes a number for a purge, and then tells all workers: whoever asks its cache after that waits for it.
fn order_by(
    house: &House,
    what: Arc<[Purged]>,
    kind: Purge,
    done: Option<&Sender<()>>,
    tell: impl Fn(usize, Note),
) {
    let generation = house.purges.fetch_add(1, Ordering::SeqCst) + 1;
    for worker in 0..house.posts.len() {
        let note = Note::Purge {
            what: what.clone(),
            generation,
            kind,
            done: done.cloned(),
        };
        tell(worker, note);
    }
}
