//! One upstream as one worker sees it: who picks a server, what retries may cost, who waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use ringfence_balance::{
    Group, NoPick, Outcome, Permit, Picker, Preview, RetryBudget, Server, ServerId, Want, WorkerIx,
};
use ringfence_http::Reason;
use ringfence_io::{now, timeout_at};
use ringfence_telemetry::ServerStats;

use crate::house::{House, Order};

/// An upstream on this worker.
pub(crate) struct Lane {
    pub(crate) group: Arc<Group>,
    house: Arc<House>,
    worker: WorkerIx,
    picker: RefCell<Picker>,
    budget: RefCell<RetryBudget>,
    /// One block a server, by its index in the group.
    stats: Vec<Arc<ServerStats>>,
    /// Requests of this upstream that wait on this worker, also those from before a reload.
    waiting: Rc<RefCell<VecDeque<Rc<Waiter>>>>,
}

/// A request that waits for a place.
#[derive(Default)]
struct Waiter {
    called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Lane {
    pub(crate) fn new(
        group: Arc<Group>,
        house: Arc<House>,
        worker: WorkerIx,
        previous: Option<&Lane>,
    ) -> Self {
        let workers = house.posts.len();
        // Workers that pick in step would all send their first request to the same server.
        let mut picker = Picker::new(
            group.clone(),
            now().as_nanos() as u64 ^ ((worker as u64) << 48),
        );
        if let Some(previous) = previous {
            picker.inherit(&previous.picker.borrow());
        }
        let stats = group
            .servers
            .iter()
            .map(|server| house.registry.server(worker, &group.name, &server.label))
            .collect();
        Self {
            picker: RefCell::new(picker),
            budget: RefCell::new(RetryBudget::new(&group.upstream.retry_budget, workers)),
            stats,
            waiting: previous.map_or_else(Rc::default, |lane| lane.waiting.clone()),
            group,
            house,
            worker,
        }
    }

    /// A place on a server, unless all are full or others wait already: then it is to be waited for.
    pub(crate) fn admit(self: &Rc<Self>, want: &Want<'_>) -> Result<Option<Ticket>, Reason> {
        if !self.waiting.borrow().is_empty() {
            return Ok(None);
        }
        match self.try_admit(want) {
            Ok(ticket) => Ok(Some(ticket)),
            Err(NoPick::NoServer) => Err(Reason::NoServer),
            Err(NoPick::Full) => Ok(None),
        }
    }

    /// The server that the next request would get; changes nothing.
    pub(crate) fn preview(&self, want: &Want<'_>) -> Result<Preview, NoPick> {
        self.picker.borrow().preview(want, now())
    }

    /// Counts a request against which retries are measured.
    pub(crate) fn record_request(&self, now: Duration) {
        self.budget.borrow_mut().record_request(now);
    }

    /// Takes a retry from the budget; false when it is used up.
    pub(crate) fn try_retry(&self) -> bool {
        self.budget.borrow_mut().try_retry(now())
    }

    /// True while there is a server that is not among `tried`; also one that is thought to be
    /// down may serve as a last resort.
    pub(crate) fn has_other(&self, tried: &[usize]) -> bool {
        let mut servers = self.group.servers.iter().enumerate();
        servers.any(|(ix, server)| !tried.contains(&ix) && !server.is_draining())
    }

    /// True when the server is one of this upstream's.
    pub(crate) fn has(&self, server: ServerId) -> bool {
        self.group
            .servers
            .iter()
            .any(|candidate| candidate.id == server)
    }

    /// Lets the request that has waited longest try again.
    pub(crate) fn wake_first(&self) {
        if let Some(waiter) = self.waiting.borrow().front() {
            waiter.called.set(true);
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }

    /// True while requests wait here.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    fn try_admit(self: &Rc<Self>, want: &Want<'_>) -> Result<Ticket, NoPick> {
        loop {
            let mut picker = self.picker.borrow_mut();
            let ix = picker.pick(want, now())?;
            // Another worker may take the last place in between; then the pick is made again.
            if let Some(permit) = self.group.servers[ix].try_acquire() {
                picker.started(ix);
                self.stats[ix].active.set(u64::from(picker.in_flight(ix)));
                return Ok(Ticket {
                    lane: self.clone(),
                    ix,
                    permit: Some(permit),
                    began: now(),
                });
            }
        }
    }

    /// A place on a server after a wait in the queue until at most `until`.
    pub(crate) async fn queue(
        self: &Rc<Self>,
        want: &Want<'_>,
        until: Duration,
    ) -> Result<Ticket, Reason> {
        let Some(place) = Place::take(self) else {
            return Err(Reason::QueueFull);
        };
        loop {
            // The mark comes before the try: a place that comes free in between is not missed.
            self.group.wait(self.worker);
            if place.is_first() {
                match self.try_admit(want) {
                    Ok(ticket) => return Ok(ticket),
                    Err(NoPick::NoServer) => return Err(Reason::NoServer),
                    Err(NoPick::Full) => {}
                }
            }
            if timeout_at(until, place.called()).await.is_err() {
                return Err(Reason::QueueTimeout);
            }
        }
    }

    /// Wakes the worker that a free place was promised to. Its own goes through the mailbox too:
    /// after a reload the request that waits may stand in another lane of the same upstream.
    fn call(&self, worker: Option<WorkerIx>, server: ServerId) {
        if let Some(worker) = worker {
            self.house.posts[worker].post(Order::Wake(server));
        }
    }
}

/// A place in the queue; left when dropped.
struct Place<'l> {
    lane: &'l Rc<Lane>,
    waiter: Rc<Waiter>,
}

impl<'l> Place<'l> {
    /// A place at the end; nothing where all that the upstream has are taken, by whichever worker.
    fn take(lane: &'l Rc<Lane>) -> Option<Self> {
        if !lane.group.enter_queue() {
            return None;
        }
        let waiter = Rc::new(Waiter::default());
        lane.waiting.borrow_mut().push_back(waiter.clone());
        Some(Self { lane, waiter })
    }

    fn is_first(&self) -> bool {
        self.lane
            .waiting
            .borrow()
            .front()
            .is_some_and(|first| Rc::ptr_eq(first, &self.waiter))
    }

    async fn called(&self) {
        poll_fn(|cx| {
            if self.waiter.called.replace(false) {
                return Poll::Ready(());
            }
            self.waiter.waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lane.group.leave_queue();
        let mut waiting = self.lane.waiting.borrow_mut();
        if let Some(at) = waiting
            .iter()
            .position(|waiter| Rc::ptr_eq(waiter, &self.waiter))
        {
            waiting.remove(at);
        }
        let none_left = waiting.is_empty();
        drop(waiting);
        if !none_left {
            // More than one place may have come free since the last call.
            self.lane.wake_first();
        } else if let Some(server) = self.lane.group.servers.first() {
            self.lane
                .call(self.lane.group.stop_waiting(self.lane.worker), server.id);
        }
    }
}

/// A place on a server for one attempt; given back when dropped.
pub(crate) struct Ticket {
    lane: Rc<Lane>,
    ix: usize,
    permit: Option<Permit>,
    began: Duration,
}

impl Ticket {
    /// The server's index in its group.
    pub(crate) fn ix(&self) -> usize {
        self.ix
    }

    /// The server.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.lane.group.servers[self.ix]
    }

    /// Ends the attempt with a final response of `status`; `latency` is the time to its first byte.
    pub(crate) fn answered(mut self, status: u16, latency: Duration) {
        let stats = &self.lane.stats[self.ix];
        stats.record(status, latency);
        // What a gateway says of its own trouble; a plain 500 may be the request's fault, and
        // must not let a client eject servers.
        let failed = matches!(status, 502..=504);
        if failed {
            stats.failures.inc();
        }
        self.end(
            if failed {
                Outcome::Failure
            } else {
                Outcome::Success
            },
            latency,
        );
    }

    /// Ends the attempt as failed by the server.
    pub(crate) fn failed(mut self) {
        self.lane.stats[self.ix].failures.inc();
        let took = now().saturating_sub(self.began);
        self.end(Outcome::Failure, took);
    }

    fn end(&mut self, outcome: Outcome, latency: Duration) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let lane = self.lane.clone();
        let server = &lane.group.servers[self.ix];
        let mut picker = lane.picker.borrow_mut();
        // A transition is counted in the health table, where the control side sees it.
        picker.finished(self.ix, outcome, latency, now());
        lane.stats[self.ix]
            .active
            .set(u64::from(picker.in_flight(self.ix)));
        drop(picker);
        lane.call(server.release(permit), server.id);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Outcome::Abandoned, Duration::ZERO);
    }
}
