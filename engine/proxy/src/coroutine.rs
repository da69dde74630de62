//! Coroutines that are kept from one use to the next.
//!
//! What an exchange keeps over its waits is several KiB. Were they part of its connection's task, an idle connection
//! would hold them too, and those of active ones would lie all over the memory. So a coroutine is lent for one exchange,
//! and the next one gets it while it is still in the cache.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Turns one input after another into an output, in memory that stays where it is. Dropped with work under way, it drops
/// that too.
pub(crate) struct Coroutine<I, O> {
    body: Pin<Box<dyn Future<Output = Infallible>>>,
    hatch: Rc<Hatch<I, O>>,
}

impl<I, O> Coroutine<I, O> {
    /// One whose body, over and over, takes an input from the hatch and gives an output for it.
    pub(crate) fn new<B>(body: impl FnOnce(Rc<Hatch<I, O>>) -> B) -> Self
    where
        B: Future<Output = Infallible> + 'static,
    {
        let hatch = Rc::new(Hatch {
            input: Cell::new(None),
            output: Cell::new(None),
        });
        Self {
            body: Box::pin(body(hatch.clone())),
            hatch,
        }
    }

    /// Waits for the output that follows from `input`. One that was given up half-way is good for nothing more.
    pub(crate) fn work(&mut self, input: I) -> impl Future<Output = O> {
        self.hatch.input.set(Some(input));
        poll_fn(|cx| {
            let Poll::Pending = self.body.as_mut().poll(cx);
            self.hatch.output.take().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

/// What passes between a coroutine's body and whoever has it work.
pub(crate) struct Hatch<I, O> {
    input: Cell<Option<I>>,
    output: Cell<Option<O>>,
}

impl<I, O> Hatch<I, O> {
    /// The next input.
    pub(crate) async fn take(&self) -> I {
        poll_fn(|_| self.input.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Gives the output for the last input; the body then takes the next.
    pub(crate) fn give(&self, output: O) {
        self.output.set(Some(output));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// What a test hands in: a handle to tell whether it still lives, and the polls to wait.
    type Input = (Rc<()>, u32);

    /// Waits as often as the input says, panics for 13, and counts what it has done.
    fn counting() -> Coroutine<Input, (Rc<()>, u32)> {
        Coroutine::new(|hatch| async move {
            let mut done = 0;
            loop {
                let (handle, mut waits): Input = hatch.take().await;
                assert_ne!(waits, 13);
                poll_fn(|_| {
                    waits = waits.saturating_sub(1);
                    if waits == 0 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                done += 1;
                hatch.give((handle, done));
            }
        })
    }

    /// Polls until there is an output, and counts the polls.
    fn finish<T>(work: impl Future<Output = T>) -> (T, u32) {
        let mut work = pin!(work);
        let mut polls = 0;
        loop {
            polls += 1;
            if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return (output, polls);
            }
        }
    }

    #[test]
    fn one_piece_of_work_follows_another() {
        let mut coroutine = counting();
        let handle = Rc::new(());
        for (round, waits) in (1..).zip([0, 3, 1, 7]) {
            let ((_, done), polls) = finish(coroutine.work((handle.clone(), waits)));
            assert_eq!((done, polls), (round, waits.max(1)));
            assert_eq!(
                Rc::strong_count(&handle),
                1,
                "at rest it holds nothing of anyone's"
            );
        }
    }

    #[test]
    fn work_that_is_given_up_goes_with_it() {
        let mut coroutine = counting();
        let handle = Rc::new(());
        let mut work = Box::pin(coroutine.work((handle.clone(), 5)));
        assert!(
            work.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        drop(work);
        assert_eq!(Rc::strong_count(&handle), 2);
        drop(coroutine);
        assert_eq!(Rc::strong_count(&handle), 1);
    }

    #[test]
    fn a_panic_drops_what_was_worked_on() {
        let mut coroutine = counting();
        let handle = Rc::new(());
        let work = AssertUnwindSafe(|| finish(coroutine.work((handle.clone(), 13))));
        assert!(catch_unwind(work).is_err());
        assert_eq!(Rc::strong_count(&handle), 1);
    }
}
