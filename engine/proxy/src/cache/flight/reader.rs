//! Reading a response that comes for several.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use ringfence_http::Reason;
use ringfence_io::now;

use super::{Flight, Seat, State};

/// Bytes that a reader of a body of unknown length is given at once: how fast it takes them is seen by that.
const PORTION: usize = 64 << 10;

/// What a reader is given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) data: Bytes,
    /// Nothing comes behind it.
    pub(crate) last: bool,
}

/// One who wants the body, for as long as this lives. How fast it is taken is no matter of anyone else's while all of it may be
/// stored.
pub(crate) struct Reader {
    flight: Rc<Flight>,
    seat: usize,
}

impl Flight {
    /// One more who wants its body.
    pub(crate) fn reader(self: Rc<Self>) -> Reader {
        let seat = self.state.borrow_mut().readers.insert(Seat::default());
        Reader { flight: self, seat }
    }
}

impl State {
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
