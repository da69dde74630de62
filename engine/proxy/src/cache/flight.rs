//! A response on its way to several clients, as one core has it.

mod reader;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ringfence_cache::Object;
use ringfence_http::Reason;
use slab::Slab;
use smallvec::SmallVec;

pub(crate) use self::reader::{Portion, Reader};
use crate::cache::aside::Aside;
use crate::note::{Asker, News};
use crate::stretch::Stretch;

/// How long a reader may take for what it was given while others have to wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A response of which the head is there, and of its body what has come so far. One core receives it; the others that have
/// clients for it are told of what comes, each by one note at a time: what comes meanwhile goes with the next.
///
/// A body of unknown length may outgrow what may be stored. From then on nobody joins it, memory is let go that all have read,
/// and each core tells the one that it has the body from how far its readers are: the one that receives it goes on by that.
pub(crate) struct Flight {
    /// The request that it is received for in the first place.
    pub(crate) leader: Asker,
    /// What is to be stored, as yet without its body.
    pub(crate) head: Arc<Object>,
    /// Bytes of its body, where they were announced.
    pub(super) announced: Option<usize>,
    /// Tells the core that this one has it from how far all have read here.
    report: Option<Report>,
    state: RefCell<State>,
}

/// Tells of that; of nothing once nobody reads any more.
pub(super) type Report = Box<dyn Fn(Option<usize>)>;

#[derive(Default)]
struct State {
    so_far: Stretch,
    /// Memory that is set aside for it on this core, each with where it ends in the body.
    asides: VecDeque<(usize, Aside)>,
    ended: Option<Result<(), Reason>>,
    /// It is not to be stored, but only passed on to those who have begun with it.
    outgrown: bool,
    readers: Slab<Seat>,
    fed: Vec<Fed>,
    /// What was reported last.
    reported: Option<usize>,
    /// Waits for all to have read so much, or for nobody to read any more.
    receiver: Option<(usize, Waker)>,
}

/// A reader's place.
#[derive(Default)]
struct Seat {
    /// Bytes that it has taken.
    taken: usize,
    /// When it was given more of a body of unknown length.
    given: Duration,
    /// It held others up.
    is_cut: bool,
    /// It waits for more to come.
    waits: Option<Waker>,
    /// Its client is taking what it was given.
    sends: Option<Waker>,
}

/// A core that is told of what comes.
struct Fed {
    worker: usize,
    /// Bytes that it was told of last.
    told: usize,
    /// It has not taken note of those yet.
    busy: bool,
    /// Bytes that all have read there, as far as it has told.
    read: usize,
}

impl Flight {
    /// One of which so much is there; `report` where another core receives it.
    pub(super) fn new(
        leader: Asker,
        head: Arc<Object>,
        announced: Option<usize>,
        so_far: Stretch,
        report: Option<Report>,
    ) -> Rc<Self> {
        let state = State {
            so_far,
            reported: Some(0),
            ..State::default()
        };
        Rc::new(Self {
            leader,
            head,
            announced,
            report,
            state: RefCell::new(state),
        })
    }

    /// All of the body that is there.
    pub(super) fn so_far(&self) -> Stretch {
        self.state.borrow().so_far.clone()
    }

    /// Bytes of the body that have come.
    pub(super) fn came(&self) -> usize {
        self.state.borrow().so_far.end()
    }

    /// Bytes of its body, where they are known by now.
    pub(crate) fn length(&self) -> Option<usize> {
        let state = self.state.borrow();
        let whole = state.ended == Some(Ok(()));
        self.announced.or(whole.then(|| state.so_far.end()))
    }

    /// Whether a request may still begin with it: it was not cut off, and all of it is there from its start.
    pub(crate) fn can_be_joined(&self) -> bool {
        let state = self.state.borrow();
        !state.outgrown && !matches!(state.ended, Some(Err(_)))
    }

    /// Whether it is only passed on to those who have begun with it.
    pub(crate) fn has_outgrown(&self) -> bool {
        self.state.borrow().outgrown
    }

    /// Has the memory of its body up to `end` count for as long as it is held here.
    pub(super) fn set_aside(&self, end: usize, aside: Aside) {
        self.state.borrow_mut().asides.push_back((end, aside));
    }

    /// What is there of the memory that begins at `start` in the body. Nobody is told of it yet.
    pub(super) fn put(&self, start: usize, bytes: Bytes) {
        self.state.borrow_mut().so_far.put(start, bytes);
    }

    /// What another core tells of it. Nobody is told of it yet.
    pub(super) fn learn(&self, news: News) {
        let News { so_far, outgrown } = news;
        self.state.borrow_mut().so_far.merge(so_far);
        if outgrown {
            self.outgrow();
        }
    }

    /// It is more than may be stored: from now on nobody may join it.
    pub(super) fn outgrow(&self) {
        self.state.borrow_mut().outgrown = true;
        self.settle();
    }

    /// Has another core told of what comes from now on. False where it is already.
    pub(super) fn feed(&self, worker: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let new = state.fed.iter().all(|fed| fed.worker != worker);
        if new {
            let told = state.so_far.end();
            state.fed.push(Fed {
                worker,
                told,
                busy: true,
                read: 0,
            });
        }
        new
    }

    /// More has come: gives it to those who wait, and to other cores by `tell`.
    pub(super) fn advance(&self, tell: impl Fn(usize, News)) {
        let mut state = self.state.borrow_mut();
        let State {
            so_far,
            outgrown,
            fed,
            ..
        } = &mut *state;
        for fed in fed.iter_mut().filter(|fed| !fed.busy) {
            fed.tell(so_far, *outgrown, &tell);
        }
        drop(state);
        self.wake();
    }

    /// Another core has taken note of what it was told: tells it what has come meanwhile.
    pub(super) fn took(&self, worker: usize, tell: impl Fn(usize, News)) {
        let mut state = self.state.borrow_mut();
        let State {
            so_far,
            outgrown,
            fed,
            ..
        } = &mut *state;
        let Some(fed) = fed.iter_mut().find(|fed| fed.worker == worker) else {
            return;
        };
        fed.busy = false;
        if fed.told < so_far.end() {
            fed.tell(so_far, *outgrown, &tell);
        }
    }

    /// Another core's readers have come so far; nothing where it has none any more.
    pub(super) fn was_read(&self, worker: usize, until: Option<usize>) {
        let mut state = self.state.borrow_mut();
        match until {
            None => state.fed.retain(|fed| fed.worker != worker),
            Some(until) => {
                let fed = state.fed.iter_mut();
                for fed in fed.filter(|fed| fed.worker == worker) {
                    fed.read = until;
                }
            }
        }
        drop(state);
        self.settle();
    }

    /// Nothing more comes: all is there, or it was cut off. Other cores have to be told by `tell`, with what they have not been
    /// told of yet.
    pub(super) fn end(&self, how: Result<(), Reason>, tell: impl Fn(usize, Stretch)) {
        let mut state = self.state.borrow_mut();
        state.ended = Some(how);
        let fed = std::mem::take(&mut state.fed);
        for fed in fed {
            tell(fed.worker, state.so_far.since(fed.told));
        }
        drop(state);
        self.wake();
    }

    /// Whether its end has come.
    pub(super) fn has_ended(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    /// Waits until all have read all but `most` bytes of what is there, where it has outgrown what may be stored; else it waits for
    /// nobody. False where nobody reads any more.
    pub(super) async fn caught_up(&self, most: usize) -> bool {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if !state.outgrown {
                return Poll::Ready(true);
            }
            match state.read() {
                None => Poll::Ready(false),
                Some(read) if read + most >= state.so_far.end() => Poll::Ready(true),
                Some(_) => {
                    let until = state.so_far.end() - most;
                    state.receiver = Some((until, cx.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// What `work` comes to; nothing where nobody is left meanwhile who reads what may not be stored.
    pub(crate) async fn unless_deserted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.outgrown {
                if state.read().is_none() {
                    return Poll::Ready(None);
                }
                state.receiver = Some((usize::MAX, cx.waker().clone()));
            }
            drop(state);
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Cuts readers off that have not come to `until` and take too long, where others have come there: on this core, or elsewhere.
    /// Other cores have to be told by `tell` to do so, and whether there are others.
    pub(super) fn hasten(
        &self,
        until: usize,
        elsewhere: bool,
        now: Duration,
        tell: impl Fn(usize, bool),
    ) {
        let mut state = self.state.borrow_mut();
        let State {
            so_far,
            readers,
            fed,
            ..
        } = &mut *state;
        let others = elsewhere
            || readers.iter().any(|(_, seat)| seat.taken >= until)
            || fed.iter().any(|fed| fed.read >= until);
        for fed in fed.iter().filter(|fed| fed.read < until) {
            tell(fed.worker, others);
        }
        let until = until.min(so_far.end());
        let mut cut = SmallVec::<[Waker; 4]>::new();
        if others {
            let seats = readers.iter_mut().map(|(_, seat)| seat);
            let late = |seat: &&mut Seat| seat.taken < until && seat.given + PATIENCE <= now;
            for seat in seats.filter(late) {
                seat.is_cut = true;
                cut.extend(seat.sends.take());
            }
        }
        drop(state);
        cut.into_iter().for_each(Waker::wake);
    }

    /// A reader has come so far.
    fn has_taken(&self, seat: usize, taken: usize) {
        self.state.borrow_mut().readers[seat].taken = taken;
        self.settle();
    }

    /// Somebody has read on, or left. Where it has outgrown what may be stored, lets go of what all have read, and has whoever
    /// receives it or has told of it know.
    fn settle(&self) {
        let mut state = self.state.borrow_mut();
        if !state.outgrown {
            return;
        }
        let read = state.read();
        state.let_go(read);
        let awaited = |(until, _): &mut (usize, Waker)| read.is_none_or(|read| read >= *until);
        let receiver = state.receiver.take_if(awaited);
        let told = self
            .report
            .as_ref()
            .filter(|_| state.is_worth_telling(read));
        if told.is_some() {
            state.reported = read;
        }
        drop(state);
        if let Some((_, receiver)) = receiver {
            receiver.wake();
        }
        if let Some(report) = told {
            report(read);
        }
    }

    fn wake(&self) {
        let mut state = self.state.borrow_mut();
        let all = state.readers.iter_mut();
        let waiting: SmallVec<[Waker; 4]> = all.filter_map(|(_, seat)| seat.waits.take()).collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// Bytes that all have read; nothing where nobody reads.
    fn read(&self) -> Option<usize> {
        let here = self.readers.iter().map(|(_, seat)| seat.taken);
        let elsewhere = self.fed.iter().map(|fed| fed.read);
        here.chain(elsewhere).min()
    }

    fn let_go(&mut self, read: Option<usize>) {
        let read = read.unwrap_or(self.so_far.end());
        self.so_far.let_go(read);
        let gone = self.asides.partition_point(|(end, _)| *end <= read);
        self.asides.drain(..gone);
    }

    fn is_worth_telling(&self, read: Option<usize>) -> bool {
        let Some(reported) = self.reported.filter(|_| self.ended.is_none()) else {
            return false;
        };
        read.is_none_or(|read| read > reported)
    }
}

impl Fed {
    fn tell(&mut self, so_far: &Stretch, outgrown: bool, tell: impl Fn(usize, News)) {
        let news = News {
            so_far: so_far.since(self.told),
            outgrown,
        };
        self.told = so_far.end();
        self.busy = true;
        tell(self.worker, news);
    }
}
