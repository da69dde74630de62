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
