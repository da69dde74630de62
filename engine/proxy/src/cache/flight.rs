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

use crate::cache::aside::Aside;
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
    _aside: Option<Aside>,
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
    /// With `aside`, the memory of its body counts for as long as this core has readers of it.
    pub(super) fn new(
        leader: Asker,
        head: Arc<Object>,
        length: usize,
        so_far: Bytes,
        aside: Option<Aside>,
    ) -> Rc<Self> {
        Rc::new(Self {
            leader,
            head,
            length,
            _aside: aside,
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;
    use crate::cache::sample;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flight() -> Rc<Flight> {
        let leader = Asker {
            worker: 0,
            ticket: 7,
        };
        Flight::new(leader, sample::object(Bytes::new()), 6, Bytes::new(), None)
    }

    /// Lets `so_far` come; gives who was told how much.
    fn advance(flight: &Flight, so_far: &'static [u8]) -> Vec<(usize, usize)> {
        let told = RefCell::new(Vec::new());
        flight.advance(Bytes::from_static(so_far), |worker, bytes| {
            told.borrow_mut().push((worker, bytes.len()));
        });
        told.into_inner()
    }

    fn took(flight: &Flight, worker: usize) -> Vec<(usize, usize)> {
        let told = RefCell::new(Vec::new());
        flight.took(worker, |worker, bytes| {
            told.borrow_mut().push((worker, bytes.len()));
        });
        told.into_inner()
    }

    #[test]
    fn a_reader_has_what_is_there_from_its_start_and_waits_for_the_rest() {
        let flight = flight();
        advance(&flight, b"ab");
        let reader = flight.clone().reader();
        assert_eq!(&*reader.ready(0), b"ab");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut next = pin!(reader.next(2));
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        advance(&flight, b"abcd");
        advance(&flight, b"abcde");
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "once is enough");
        let Poll::Ready(Ok(bytes)) = next.as_mut().poll(&mut cx) else {
            panic!("it has come");
        };
        assert_eq!(&*bytes, b"cde");
    }

    #[test]
    fn what_was_cut_off_is_read_as_far_as_it_came() {
        let flight = flight();
        let reader = flight.clone().reader();
        advance(&flight, b"ab");
        flight.end(flight.so_far(), Some(Reason::UpstreamReset), |_| {});
        let mut cx = Context::from_waker(Waker::noop());
        let mut read = |taken| pin!(reader.next(taken)).poll(&mut cx);
        assert_eq!(read(0), Poll::Ready(Ok(Bytes::from_static(b"ab"))));
        assert_eq!(read(2), Poll::Ready(Err(Reason::UpstreamReset)));
        assert!(flight.is_cut());
    }

    /// So what is under way between two cores is bounded, however slowly one of them takes it.
    #[test]
    fn another_core_is_told_by_one_note_at_a_time() {
        let flight = flight();
        assert!(flight.feed(1) && flight.feed(2));
        assert!(!flight.feed(1), "it is fed already");
        assert_eq!(advance(&flight, b"a"), []);
        assert_eq!(took(&flight, 1), [(1, 1)]);
        assert_eq!(advance(&flight, b"ab"), []);
        assert_eq!(advance(&flight, b"abc"), []);
        assert_eq!(took(&flight, 2), [(2, 3)]);
        assert_eq!(took(&flight, 1), [(1, 3)]);
        assert_eq!(took(&flight, 1), [], "it has all");
        assert_eq!(advance(&flight, b"abcd"), [(1, 4)]);
        assert_eq!(took(&flight, 9), [], "it was never fed");
        let told = RefCell::new(Vec::new());
        flight.end(Bytes::from_static(b"abcdef"), None, |worker| {
            told.borrow_mut().push(worker);
        });
        assert_eq!(told.into_inner(), [1, 2]);
        assert_eq!(took(&flight, 1), []);
    }

    #[test]
    fn who_stops_reading_leaves_nothing_behind() {
        let flight = flight();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let reader = flight.clone().reader();
            assert!(pin!(reader.next(0)).poll(&mut cx).is_pending());
        }
        assert_eq!(flight.state.borrow().readers.len(), 0);
        assert_eq!(Rc::strong_count(&flight), 1);
    }
}
