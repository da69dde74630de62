//! Flights and their readers.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};

use ringfence_io::now;

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
