//! What happens to a process, taken one event after another; some may have to wait for their turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use ringfence_balance::Resolved;
use ringfence_config::Plan;

use crate::failure::Failure;
use crate::serve::event::Event;

/// The events that have not been taken.
pub(crate) struct Inbox {
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// Events that came while something else was waited for.
    put_off: VecDeque<Event>,
}

impl Inbox {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let (sender, events) = channel();
        Self {
            sender,
            events,
            put_off: VecDeque::new(),
        }
    }

    /// Where events are sent.
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits for the next event.
    pub(crate) fn next(&mut self) -> Event {
        let put_off = self.put_off.pop_front();
        put_off.unwrap_or_else(|| self.events.recv().expect("we hold a sender ourselves"))
    }

    /// The next event, if it comes within `limit`.
    pub(crate) fn next_within(&mut self, limit: Duration) -> Option<Event> {
        let put_off = self.put_off.pop_front();
        put_off.or_else(|| self.events.recv_timeout(limit).ok())
    }

    /// Whether the next event ends the process.
    pub(crate) fn is_to_end(&self) -> bool {
        matches!(self.put_off.front(), Some(Event::Terminate { .. }))
    }

    /// Resolves the names of a plan that `known` does not have. That may take as long as name servers like, so it is done
    /// on a thread of its own, and given up when the process is to end.
    ///
    /// # Errors
    /// When the process is to end, or the system gives no thread or runtime.
    pub(crate) fn resolve(
        &mut self,
        plan: &Arc<Plan>,
        known: &Resolved,
    ) -> Result<Resolved, Failure> {
        let failed = |error| Failure::new(format!("cannot resolve names: {error}"));
        let (plan, known, sender) = (plan.clone(), known.clone(), self.sender());
        let resolve = move || {
            let outcome = ringfence_control::resolve(&plan, &known);
            // Nobody listens where the process has ended meanwhile.
            let _ = sender.send(Event::Named(outcome));
        };
        let thread = thread::Builder::new().name("rf-names".to_owned());
        thread.spawn(resolve).map_err(failed)?;
        loop {
            match self.events.recv().expect("we hold a sender ourselves") {
                Event::Named(outcome) => return outcome.map_err(failed),
                end @ (Event::Terminate { .. } | Event::Ended { .. }) => {
                    self.put_off.push_front(end);
                    return Err(Failure::new("the process is ending"));
                }
                other => self.put_off.push_back(other),
            }
        }
    }
}
