//! A response on its way to several clients, as one core has it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use ringfence_cache::Object;
use ringfence_http::Reason;
use slab::Slab;
use smallvec::SmallVec;

use crate::note::Asker;

/// A response of which the head is there, and of its body what has come so far. One core receives it; the others that have
/// clients for it are told of what comes, each by one note at a time: what comes meanwhile goes with the next.
pub(crate) struct Flight {
    /// The request that it is received for in the first place.
    pub(crate) leader: Asker,
    /// What is to be stored, as yet without its body.
    pub(crate) head: Arc<Object>,
    /// Bytes of its body.
    pub(crate) length: usize,
    state: RefCell<State>,
}

struct State {
    so_far: Bytes,
    cut: Option<Reason>,
    readers: Slab<Option<Waker>>,
    fed: Vec<Fed>,
}

/// A core that is told of what comes.
struct Fed {
    worker: usize,
    /// Bytes that it was told of last.
    told: usize,
    /// It has not taken note of those yet.
    busy: bool,
}

impl Flight {
    pub(super) fn new(leader: Asker, head: Arc<Object>, length: usize, so_far: Bytes) -> Rc<Self> {
        Rc::new(Self {
            leader,
            head,
            length,
            state: RefCell::new(State {
                so_far,
                cut: None,
                readers: Slab::new(),
                fed: Vec::new(),
            }),
        })
    }

    /// All of the body that is there.
    pub(super) fn so_far(&self) -> Bytes {
        self.state.borrow().so_far.clone()
    }

    /// Whether it was cut off before its end.
    pub(crate) fn is_cut(&self) -> bool {
        self.state.borrow().cut.is_some()
    }

    /// Has another core told of what comes from now on. False where it is already.
    pub(super) fn feed(&self, worker: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let new = state.fed.iter().all(|fed| fed.worker != worker);
        if new {
            let told = state.so_far.len();
            state.fed.push(Fed {
                worker,
                told,
                busy: true,
            });
        }
        new
    }

    /// More has come: gives it to those who wait, and to other cores by `tell`.
    pub(super) fn advance(&self, so_far: Bytes, tell: impl Fn(usize, Bytes)) {
        let mut state = self.state.borrow_mut();
        state.so_far = so_far;
        let State { so_far, fed, .. } = &mut *state;
        for fed in fed.iter_mut().filter(|fed| !fed.busy) {
            fed.tell(so_far, &tell);
        }
        drop(state);
        self.wake();
    }

    /// Another core has taken note of what it was told: tells it what has come meanwhile.
    pub(super) fn took(&self, worker: usize, tell: impl Fn(usize, Bytes)) {
        let mut state = self.state.borrow_mut();
        let State { so_far, fed, .. } = &mut *state;
        let Some(fed) = fed.iter_mut().find(|fed| fed.worker == worker) else {
            return;
        };
        fed.busy = false;
        if fed.told < so_far.len() {
            fed.tell(so_far, &tell);
        }
    }

    /// Nothing more comes: all is there, or it was cut off. Other cores have to be told by `tell`.
    pub(super) fn end(&self, so_far: Bytes, cut: Option<Reason>, tell: impl Fn(usize)) {
        let mut state = self.state.borrow_mut();
        state.so_far = so_far;
        state.cut = cut;
        state.fed.drain(..).for_each(|fed| tell(fed.worker));
        drop(state);
        self.wake();
    }

    /// One more who wants its body.
    pub(crate) fn reader(self: Rc<Self>) -> Reader {
        let seat = self.state.borrow_mut().readers.insert(None);
        Reader { flight: self, seat }
    }

    fn wake(&self) {
        let mut state = self.state.borrow_mut();
        let all = state.readers.iter_mut();
        let waiting: SmallVec<[Waker; 4]> = all.filter_map(|(_, waker)| waker.take()).collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Fed {
    fn tell(&mut self, so_far: &Bytes, tell: impl Fn(usize, Bytes)) {
        self.told = so_far.len();
        self.busy = true;
        tell(self.worker, so_far.clone());
    }
}

/// One who wants the body, for as long as this lives. How fast it is taken is no matter of anyone else's.
pub(crate) struct Reader {
    flight: Rc<Flight>,
    seat: usize,
}

impl Reader {
    /// Bytes of the body.
    pub(crate) fn length(&self) -> usize {
        self.flight.length
    }

    /// What is there behind the first `taken` bytes.
    pub(crate) fn ready(&self, taken: usize) -> Bytes {
        self.flight.state.borrow().so_far.slice(taken..)
    }

    /// What is there behind the first `taken` bytes, as soon as something is.
    ///
    /// # Errors
    /// Why nothing more comes.
    pub(crate) async fn next(&self, taken: usize) -> Result<Bytes, Reason> {
        poll_fn(|cx| {
            let mut state = self.flight.state.borrow_mut();
            if state.so_far.len() > taken {
                return Poll::Ready(Ok(state.so_far.slice(taken..)));
            }
            if let Some(reason) = state.cut {
                return Poll::Ready(Err(reason));
            }
            state.readers[self.seat] = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let waker = self.flight.state.borrow_mut().readers.remove(self.seat);
        drop(waker);
    }
}
