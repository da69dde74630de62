//! A response on its way to several clients, as one core has it.

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
use ringfence_io::now;
use slab::Slab;
use smallvec::SmallVec;

use crate::cache::aside::Aside;
use crate::note::{Asker, News};
use crate::stretch::Stretch;

/// Bytes that a reader of a body of unknown length is given at once: how fast it takes them is seen by that.
const PORTION: usize = 64 << 10;

/// How long a reader may take for that while others have to wait for it.
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

/// What a reader is given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) data: Bytes,
    /// Nothing comes behind it.
    pub(crate) last: bool,
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

    /// One more who wants its body.
    pub(crate) fn reader(self: Rc<Self>) -> Reader {
        let seat = self.state.borrow_mut().readers.insert(Seat::default());
        Reader { flight: self, seat }
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

    /// What is there for a reader that has taken so many bytes of a body, of which `announced` were announced.
    fn portion(&self, taken: usize, announced: Option<usize>) -> Portion {
        let mut data = self.so_far.behind(taken);
        if announced.is_none() && self.ended.is_none() {
            data.truncate(PORTION);
        }
        let whole = self.ended == Some(Ok(()));
        let length = announced.or(whole.then(|| self.so_far.end()));
        let last = length == Some(taken + data.len());
        Portion { data, last }
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

/// One who wants the body, for as long as this lives. How fast it is taken is no matter of anyone else's while all of it may be
/// stored.
pub(crate) struct Reader {
    flight: Rc<Flight>,
    seat: usize,
}

impl Reader {
    /// Whether it is only passed on to those who have begun with it.
    pub(crate) fn has_outgrown(&self) -> bool {
        self.flight.has_outgrown()
    }

    /// What is there from the start.
    pub(crate) fn first(&self) -> Portion {
        self.given(0)
    }

    /// What is there behind the first `taken` bytes, as soon as something is.
    ///
    /// # Errors
    /// Why nothing more comes.
    pub(crate) async fn next(&self, taken: usize) -> Result<Portion, Reason> {
        self.flight.has_taken(self.seat, taken);
        poll_fn(|cx| {
            let portion = self.given(taken);
            if portion.last || !portion.data.is_empty() {
                return Poll::Ready(Ok(portion));
            }
            let mut state = self.flight.state.borrow_mut();
            if let Some(Err(reason)) = state.ended {
                return Poll::Ready(Err(reason));
            }
            state.readers[self.seat].waits = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn given(&self, taken: usize) -> Portion {
        let mut state = self.flight.state.borrow_mut();
        let portion = state.portion(taken, self.flight.announced);
        if self.flight.announced.is_none() {
            state.readers[self.seat].given = now();
        }
        portion
    }

    /// What comes of sending what it was given.
    ///
    /// # Errors
    /// That it is cut off for holding others up.
    pub(crate) async fn unless_cut<T>(
        &self,
        sending: impl Future<Output = T>,
    ) -> Result<T, Reason> {
        let mut sending = pin!(sending);
        poll_fn(|cx| {
            if let Poll::Ready(sent) = sending.as_mut().poll(cx) {
                return Poll::Ready(Ok(sent));
            }
            let seat = &mut self.flight.state.borrow_mut().readers[self.seat];
            if seat.is_cut {
                return Poll::Ready(Err(Reason::SlowClient));
            }
            seat.sends = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let seat = self.flight.state.borrow_mut().readers.remove(self.seat);
        drop(seat);
        self.flight.settle();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;
    use crate::cache::{Margin, sample};

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const LEADER: Asker = Asker {
        worker: 0,
        ticket: 7,
    };

    fn flight(announced: Option<usize>) -> Rc<Flight> {
        let head = sample::object(Bytes::new());
        Flight::new(LEADER, head, announced, Stretch::default(), None)
    }

    /// What a flight has reported.
    type Told = Rc<RefCell<Vec<Option<usize>>>>;

    /// One of unknown length that another core receives.
    fn fed() -> (Rc<Flight>, Told) {
        let told = Told::default();
        let inner = told.clone();
        let report: Report = Box::new(move |until| inner.borrow_mut().push(until));
        let head = sample::object(Bytes::new());
        let flight = Flight::new(LEADER, head, None, Stretch::default(), Some(report));
        (flight, told)
    }

    /// Lets `so_far` come, in one memory; gives who was told of how much.
    fn advance(flight: &Flight, so_far: &'static [u8]) -> Vec<(usize, usize)> {
        flight.put(0, Bytes::from_static(so_far));
        let told = RefCell::new(Vec::new());
        flight.advance(|worker, news| told.borrow_mut().push((worker, news.so_far.end())));
        told.into_inner()
    }

    /// Lets another memory of so many bytes come.
    fn come(flight: &Flight, len: usize) {
        flight.put(flight.came(), vec![7; len].into());
        flight.advance(|_, _| {});
    }

    fn took(flight: &Flight, worker: usize) -> Vec<(usize, usize)> {
        let told = RefCell::new(Vec::new());
        flight.took(worker, |worker, news| {
            told.borrow_mut().push((worker, news.so_far.end()));
        });
        told.into_inner()
    }

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Has a reader say that it has taken so much; gives how much it is given then.
    fn take(reader: &Reader, taken: usize) -> usize {
        match poll(reader.next(taken)) {
            Poll::Ready(portion) => portion.unwrap().data.len(),
            Poll::Pending => 0,
        }
    }

    fn hasten(flight: &Flight, until: usize, others: bool, at: Duration) -> Vec<(usize, bool)> {
        let told = RefCell::new(Vec::new());
        flight.hasten(until, others, at, |worker, others| {
            told.borrow_mut().push((worker, others));
        });
        told.into_inner()
    }

    fn is_cut(reader: &Reader) -> bool {
        let sent = poll(reader.unless_cut(std::future::pending::<()>()));
        sent == Poll::Ready(Err(Reason::SlowClient))
    }

    #[test]
    fn a_reader_has_what_is_there_from_its_start_and_waits_for_the_rest() {
        let flight = flight(Some(6));
        advance(&flight, b"ab");
        let reader = flight.clone().reader();
        assert_eq!(&*reader.first().data, b"ab");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut next = pin!(reader.next(2));
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        advance(&flight, b"abcd");
        advance(&flight, b"abcde");
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "once is enough");
        let Poll::Ready(Ok(Portion { data, last })) = next.as_mut().poll(&mut cx) else {
            panic!("it has come");
        };
        assert_eq!((&*data, last), (&b"cde"[..], false));
        advance(&flight, b"abcdef");
        let Poll::Ready(Ok(Portion { data, last })) = poll(reader.next(5)) else {
            panic!("it has come");
        };
        assert_eq!((&*data, last), (&b"f"[..], true));
    }

    #[test]
    fn the_end_of_a_body_of_unknown_length_is_told_by_itself_or_with_its_last_bytes() {
        let flight = flight(None);
        let readers = [flight.clone().reader(), flight.clone().reader()];
        advance(&flight, b"ab");
        assert_eq!(take(&readers[0], 0), 2);
        assert!(poll(readers[0].next(2)).is_pending());
        assert_eq!(flight.length(), None);
        flight.end(Ok(()), |_, _| {});
        assert_eq!(flight.length(), Some(2));
        for (reader, taken) in readers.iter().zip([2, 0]) {
            let Poll::Ready(Ok(portion)) = poll(reader.next(taken)) else {
                panic!("it has ended");
            };
            assert_eq!((portion.data.len(), portion.last), (2 - taken, true));
        }
        assert!(flight.can_be_joined());
    }

    #[test]
    fn what_was_cut_off_is_read_as_far_as_it_came() {
        for announced in [Some(6), None] {
            let flight = flight(announced);
            let reader = flight.clone().reader();
            advance(&flight, b"ab");
            flight.end(Err(Reason::UpstreamReset), |_, _| {});
            let Poll::Ready(Ok(portion)) = poll(reader.next(0)) else {
                panic!("some has come");
            };
            assert_eq!((&*portion.data, portion.last), (&b"ab"[..], false));
            let next = poll(reader.next(2));
            assert!(matches!(next, Poll::Ready(Err(Reason::UpstreamReset))));
            assert!(!flight.can_be_joined());
        }
    }

    /// So what is under way between two cores is bounded, however slowly one of them takes it.
    #[test]
    fn another_core_is_told_by_one_note_at_a_time() {
        let flight = flight(None);
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
        flight.put(0, Bytes::from_static(b"abcdef"));
        let told = RefCell::new(Vec::new());
        flight.end(Ok(()), |worker, rest| {
            told.borrow_mut().push((worker, rest.end()));
        });
        assert_eq!(told.into_inner(), [(1, 6), (2, 6)]);
        assert_eq!(took(&flight, 1), []);
    }

    #[test]
    fn who_stops_reading_leaves_nothing_behind() {
        let flight = flight(None);
        for _ in 0..100 {
            let reader = flight.clone().reader();
            assert!(poll(reader.next(0)).is_pending());
        }
        assert_eq!(flight.state.borrow().readers.len(), 0);
        assert_eq!(Rc::strong_count(&flight), 1);
    }

    #[test]
    fn what_may_be_stored_waits_for_no_reader() {
        let flight = flight(None);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(true), "nobody reads");
        let _reader = flight.clone().reader();
        come(&flight, 1 << 20);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(true));
        assert_eq!(
            poll(flight.unless_deserted(async {})),
            Poll::Ready(Some(()))
        );
    }

    #[test]
    fn what_may_not_waits_for_the_slowest_and_is_let_go_where_all_have_read_it() {
        let flight = flight(None);
        let margin = Rc::new(Margin::default());
        margin.set_limit(4 * 300);
        let [slow, fast] = [flight.clone().reader(), flight.clone().reader()];
        for end in [100, 200, 300] {
            flight.set_aside(end, margin.take(100).unwrap());
            come(&flight, 100);
        }
        flight.outgrow();
        assert!(!flight.can_be_joined());
        take(&fast, 300);
        assert!(poll(flight.caught_up(150)).is_pending());
        assert!(margin.take(1).is_none(), "all of it is held");
        take(&slow, 149);
        assert!(poll(flight.caught_up(150)).is_pending());
        take(&slow, 150);
        assert_eq!(poll(flight.caught_up(150)), Poll::Ready(true));
        assert!(margin.take(100).is_some() && margin.take(101).is_none());
        assert_eq!(flight.so_far().runs().len(), 2);
        assert_eq!(take(&slow, 150), 50, "of the second memory");
        drop(slow);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(true));
        assert!(margin.take(300).is_some());
    }

    #[test]
    fn whoever_receives_it_is_woken_by_what_it_waits_for_alone() {
        let flight = flight(None);
        let reader = flight.clone().reader();
        come(&flight, 300);
        flight.outgrow();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let times = || woken.0.load(Ordering::Relaxed);
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(flight.caught_up(100)).poll(&mut cx).is_pending());
        take(&reader, 199);
        assert_eq!(times(), 0);
        take(&reader, 200);
        assert_eq!(times(), 1);
        let mut receiving = pin!(flight.unless_deserted(std::future::pending::<()>()));
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        take(&reader, 300);
        assert_eq!(times(), 1);
        drop(reader);
        assert_eq!(times(), 2);
        assert_eq!(receiving.as_mut().poll(&mut cx), Poll::Ready(None));
        assert_eq!(poll(flight.caught_up(100)), Poll::Ready(false));
    }

    #[test]
    fn readers_of_other_cores_are_waited_for_as_far_as_they_have_told() {
        let flight = flight(None);
        assert!(flight.feed(1) && flight.feed(2));
        let reader = flight.clone().reader();
        come(&flight, 300);
        flight.outgrow();
        take(&reader, 300);
        flight.was_read(1, Some(300));
        assert!(
            poll(flight.caught_up(100)).is_pending(),
            "2 has told nothing"
        );
        flight.was_read(2, Some(200));
        assert_eq!(poll(flight.caught_up(100)), Poll::Ready(true));
        assert!(poll(flight.caught_up(99)).is_pending());
        flight.was_read(2, None);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(true));
        drop(reader);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(true));
        flight.was_read(1, None);
        assert_eq!(poll(flight.caught_up(0)), Poll::Ready(false));
    }

    #[test]
    fn a_core_tells_how_far_the_slowest_of_its_readers_is() {
        let (flight, told) = fed();
        let [one, other] = [flight.clone().reader(), flight.clone().reader()];
        let learn = |start, len| {
            let mut so_far = Stretch::default();
            so_far.put(start, vec![7; len].into());
            flight.learn(News {
                so_far,
                outgrown: true,
            });
        };
        learn(0, 300);
        take(&one, 300);
        assert_eq!(told.take(), []);
        take(&other, 100);
        take(&other, 300);
        assert_eq!(told.take(), [Some(100), Some(300)]);
        learn(300, 1);
        take(&one, 301);
        take(&other, 301);
        assert_eq!(told.take(), [Some(301)]);
        drop(one);
        assert_eq!(told.take(), []);
        drop(other);
        assert_eq!(told.take(), [None]);
    }

    #[test]
    fn a_core_without_readers_says_so_when_it_learns_that_they_count() {
        let (flight, told) = fed();
        come(&flight, 10);
        assert_eq!(told.take(), []);
        flight.outgrow();
        assert_eq!(told.take(), [None]);
        flight.was_read(3, None);
        assert_eq!(told.take(), [], "once is enough");
    }

    #[test]
    fn who_takes_nothing_while_others_wait_is_cut_off() {
        let flight = flight(None);
        let readers: [Reader; 3] = std::array::from_fn(|_| flight.clone().reader());
        come(&flight, 300);
        flight.outgrow();
        for (reader, taken) in readers.iter().zip([0, 199, 200]) {
            take(reader, taken);
        }
        let now = now();
        hasten(&flight, 200, false, now + PATIENCE / 2);
        assert!(!readers.iter().any(is_cut), "it is too early");
        hasten(&flight, 200, false, now + 2 * PATIENCE);
        assert_eq!(readers.each_ref().map(is_cut), [true, true, false]);
    }

    #[test]
    fn one_is_not_cut_off_where_nobody_waits_for_it() {
        let flight = flight(None);
        let readers = [flight.clone().reader(), flight.clone().reader()];
        assert!(flight.feed(1));
        come(&flight, 300);
        flight.outgrow();
        let late = now() + 2 * PATIENCE;
        assert_eq!(hasten(&flight, 200, false, late), [(1, false)]);
        assert!(!readers.iter().any(is_cut), "both are as slow");
        // But where one on another core does.
        flight.was_read(1, Some(200));
        assert_eq!(hasten(&flight, 200, false, late), []);
        assert!(readers.iter().all(is_cut));
    }

    #[test]
    fn who_waits_for_what_has_not_come_to_its_core_is_not_cut_off() {
        let (flight, _) = fed();
        let reader = flight.clone().reader();
        come(&flight, 100);
        flight.outgrow();
        take(&reader, 100);
        hasten(&flight, 200, true, now() + 2 * PATIENCE);
        assert!(!is_cut(&reader));
    }

    #[test]
    fn a_client_that_is_cut_off_while_it_is_sent_to_is_woken() {
        let flight = flight(None);
        let [slow, fast] = [flight.clone().reader(), flight.clone().reader()];
        come(&flight, 300);
        flight.outgrow();
        take(&slow, 0);
        take(&fast, 300);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let sent = Cell::new(false);
        let sending = poll_fn(|_| {
            if sent.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let mut sending = pin!(slow.unless_cut(sending));
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        hasten(&flight, 200, false, now() + 2 * PATIENCE);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        // What is sent by then counts.
        sent.set(true);
        assert_eq!(sending.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    }
}
