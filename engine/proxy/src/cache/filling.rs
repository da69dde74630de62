//! The memory that a body takes as it comes.

use std::rc::Rc;

use bytes::Bytes;
use ringfence_io::{SharedBuf, next_turn};

use crate::cache::aside::{Aside, Margin};
use crate::cache::flight::Flight;

/// Bytes of the first memory for a body of unknown length. Each one after it is as large as all before.
const FIRST: usize = 16 << 10;

/// Bytes of the largest one.
const LARGEST: usize = 1 << 20;

/// Bytes of each memory for a body that is not to be stored: what all have read of it is let go piece by piece.
const PASSING: usize = 64 << 10;

/// Bytes that are copied at once.
const SLICE: usize = 256 << 10;

/// The memory that a body takes as it comes: all at once where its length was announced, else bit by bit, each set aside in the
/// cache's margin first.
pub(crate) struct Filling {
    margin: Rc<Margin>,
    /// Bytes of a body that may be stored.
    most: usize,
    /// The memory that is being filled.
    part: SharedBuf,
    /// Where it begins, and where what is there ends, in bytes from the start of the body.
    start: usize,
    end: usize,
    next: Option<Next>,
    /// The memory that is being filled could not be set aside.
    short: bool,
}

/// The next memory to be filled.
struct Next {
    size: usize,
    aside: Option<Aside>,
}

impl Filling {
    /// For a body of unknown length, which may be stored up to `most` bytes.
    pub(crate) fn growing(margin: Rc<Margin>, most: usize) -> Self {
        Self {
            margin,
            most,
            part: SharedBuf::with_capacity(0),
            start: 0,
            end: 0,
            next: None,
            short: false,
        }
    }

    /// For a body of so many bytes, for which memory is set aside already.
    pub(crate) fn announced(margin: Rc<Margin>, length: usize) -> Self {
        Self {
            part: SharedBuf::with_capacity(length),
            ..Self::growing(margin, length)
        }
    }

    /// Makes room for so many bytes, and for some to come unless they are the last.
    ///
    /// # Errors
    /// Why the body may not be stored with them.
    pub(super) fn make_room(&mut self, bytes: usize, last: bool) -> Result<(), &'static str> {
        let left = self.most - self.end;
        if bytes > left {
            return Err("too-large");
        }
        let Some(over) = self.lacking(bytes) else {
            return Ok(());
        };
        let size = match last {
            true => over,
            false => {
                let grown = self.end.clamp(FIRST, LARGEST).max(over);
                grown.min(left - self.part.room())
            }
        };
        let aside = self.margin.take(size).ok_or("too-much-under-way")?;
        self.next = Some(Next {
            size,
            aside: Some(aside),
        });
        Ok(())
    }

    /// Makes room for so many bytes of a body that is only passed on.
    pub(super) fn make_way(&mut self, bytes: usize) {
        if let Some(over) = self.lacking(bytes) {
            let size = over.max(PASSING);
            let aside = self.margin.take(size);
            self.next = Some(Next { size, aside });
        }
    }

    /// How many of so many bytes there is no room for, where there is not for all.
    fn lacking(&self, bytes: usize) -> Option<usize> {
        let over = bytes.checked_sub(self.part.room());
        over.filter(|over| *over > 0)
    }

    /// Takes bytes in for which there is room, and has a flight show them.
    pub(super) fn add(&mut self, bytes: &[u8], flight: &Flight) {
        let (here, over) = bytes.split_at(bytes.len().min(self.part.room()));
        self.extend(here, flight);
        if let (false, Some(next)) = (over.is_empty(), self.next.take()) {
            self.start = self.end;
            self.part = SharedBuf::with_capacity(next.size);
            self.short = next.aside.is_none();
            if let Some(aside) = next.aside {
                flight.set_aside(self.start + next.size, aside);
            }
            self.extend(over, flight);
        }
    }

    fn extend(&mut self, bytes: &[u8], flight: &Flight) {
        if !bytes.is_empty() {
            self.part.extend(bytes);
            self.end += bytes.len();
            flight.put(self.start, self.part.so_far());
        }
    }

    /// The margin has no room for more than is there.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    /// All of it in one memory of its size. What has to be copied for that is copied bit by bit, beside what else the core does.
    pub(super) async fn whole(&self, flight: &Flight) -> Bytes {
        let so_far = flight.so_far();
        let mut runs = so_far.runs();
        if let (1, 0, Some(only)) = (runs.len(), self.part.room(), runs.next()) {
            return only.clone();
        }
        let mut whole = Vec::with_capacity(self.end);
        for slice in so_far.runs().flat_map(|run| run.chunks(SLICE)) {
            whole.extend_from_slice(slice);
            if slice.len() == SLICE {
                next_turn().await;
            }
        }
        whole.into()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::cache::sample;
    use crate::note::Asker;
    use crate::stretch::Stretch;

    fn margin(bytes: usize) -> Rc<Margin> {
        let margin = Rc::new(Margin::default());
        margin.set_limit(4 * bytes);
        margin
    }

    fn left(margin: &Rc<Margin>) -> usize {
        let fits = |bytes: &usize| margin.take(*bytes).is_some();
        (0..=24)
            .map(|shift| 1 << shift)
            .take_while(fits)
            .last()
            .unwrap_or(0)
    }

    fn flight() -> Rc<Flight> {
        let leader = Asker {
            worker: 0,
            ticket: 0,
        };
        let head = sample::object(Bytes::new());
        Flight::new(leader, head, None, Stretch::default(), None)
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    /// Takes `bytes` in, in pieces of this size, and gives all that is there then.
    fn fill(filling: &mut Filling, flight: &Flight, bytes: &[u8], size: usize) -> Bytes {
        for piece in bytes.chunks(size) {
            filling.make_room(piece.len(), false).expect("room");
            filling.add(piece, flight);
        }
        let whole = pin!(filling.whole(flight));
        match whole.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(whole) => whole,
            Poll::Pending => panic!("it is little enough to be copied at once"),
        }
    }

    #[test]
    fn what_came_piece_by_piece_is_whole_and_took_no_more_than_twice_its_memory() {
        for (len, size) in [
            (0, 1),
            (1, 1),
            (100_000, 777),
            (100_000, 40_000),
            (200_000, 16 << 10),
        ] {
            let (margin, flight) = (margin(1 << 20), flight());
            let mut filling = Filling::growing(margin.clone(), usize::MAX);
            let bytes = pattern(len);
            assert!(
                *fill(&mut filling, &flight, &bytes, size) == *bytes,
                "{len} {size}"
            );
            let taken = (FIRST + 2 * len).max(size);
            assert!(margin.take((1 << 20) - taken).is_some(), "{len} {size}");
            assert!(flight.so_far().runs().len() <= 5, "{len} {size}");
        }
    }

    #[test]
    fn what_came_all_at_once_is_copied_no_more() {
        let (margin, flight) = (margin(1 << 20), flight());
        let mut filling = Filling::growing(margin.clone(), usize::MAX);
        filling.make_room(1000, true).expect("room");
        filling.add(&pattern(1000), &flight);
        assert!(margin.take((1 << 20) - 1000).is_some());
        let whole = fill(&mut filling, &flight, b"", 1);
        assert_eq!(
            whole.as_ptr(),
            flight.so_far().runs().next().unwrap().as_ptr()
        );
    }

    #[test]
    fn what_may_not_be_stored_says_why() {
        let (margin, flight) = (margin(1 << 20), flight());
        let mut filling = Filling::growing(margin.clone(), 20_000);
        fill(&mut filling, &flight, &pattern(20_000), 20_000);
        assert_eq!(filling.make_room(0, true), Ok(()));
        assert_eq!(filling.make_room(1, true), Err("too-large"));
        let mut filling = Filling::growing(margin.clone(), usize::MAX);
        let most = left(&margin);
        assert_eq!(filling.make_room(2 * most, true), Err("too-much-under-way"));
    }

    #[test]
    fn what_is_passed_on_takes_memory_piece_by_piece_and_knows_where_there_is_none() {
        let (margin, flight) = (margin(PASSING + 10), flight());
        let mut filling = Filling::growing(margin.clone(), 0);
        let bytes = pattern(3 * PASSING);
        for (number, piece) in bytes.chunks(PASSING / 2).enumerate() {
            filling.make_way(piece.len());
            filling.add(piece, &flight);
            assert_eq!(filling.is_short(), number >= 2, "{number}");
        }
        let runs: Vec<_> = flight.so_far().runs().flatten().copied().collect();
        assert!(runs == bytes);
    }
}
