//! Everything that one core needs to serve requests.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::ServerId;
use ringfence_http::Reason;
use ringfence_io::{Stats, Stream, held_bytes, now, stats};
use ringfence_telemetry::{LogQueue, WorkerStats};
use slab::Slab;

use crate::cache::Cache;
use crate::date::DateText;
use crate::epoch::Epoch;
use crate::house::{Adoption, House};
use crate::lane::Lane;
use crate::pool::{Berth, Link, Pool, Source};
use crate::request_id::{MadeId, RequestIds};

/// Most bytes that one receive of a body asks for.
const LARGE_PIECE: usize = 256 << 10;

/// The same where memory is scarce.
const SMALL_PIECE: usize = 16 << 10;

/// Everything that one core needs; shared by its tasks alone.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) house: Arc<House>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) log: Arc<LogQueue>,
    epoch: RefCell<Rc<Epoch>>,
    /// Lanes of earlier epochs in which requests still wait.
    left_lanes: RefCell<Vec<Rc<Lane>>>,
    date: RefCell<DateText>,
    pool: RefCell<Pool>,
    guests: RefCell<Slab<Guest>>,
    ids: RefCell<RequestIds>,
    pub(crate) cache: Rc<Cache>,
    /// Bytes that the encoders of responses on their way hold.
    pub(crate) encoding: Cell<usize>,
    /// When idle client connections are closed, once a drain has begun.
    drain_idle_at: Cell<Option<Duration>>,
}

/// A client connection, for the drain.
struct Guest {
    stream: Rc<Stream>,
    /// No request is under way.
    idle: bool,
}

impl Worker {
    pub(crate) fn new(index: usize, house: Arc<House>, adoption: Arc<Adoption>) -> Rc<Self> {
        let cache = Cache::new(index, house.clone(), house.registry.worker(index));
        cache.adopt(&adoption.plan, cache_size(&adoption, &house));
        Rc::new(Self {
            index,
            stats: house.registry.worker(index),
            log: house.logs[index].clone(),
            cache,
            epoch: RefCell::new(Epoch::new(adoption, &house, index, None)),
            left_lanes: RefCell::default(),
            date: RefCell::default(),
            pool: RefCell::new(Pool::new(house.most_idle)),
            guests: RefCell::default(),
            ids: RefCell::new(RequestIds::new()),
            encoding: Cell::new(0),
            drain_idle_at: Cell::new(None),
            house,
        })
    }

    /// Serves new requests by `adoption`.
    pub(crate) fn adopt(&self, adoption: Arc<Adoption>) {
        let size = cache_size(&adoption, &self.house);
        self.cache.adopt(&adoption.plan, size);
        let next = Epoch::new(adoption, &self.house, self.index, Some(&self.epoch()));
        self.epoch().holders.leave(&next.holders);
        next.holders.report(&mut self.cache.store.borrow_mut());
        let old = self.epoch.replace(next);
        let mut left = self.left_lanes.borrow_mut();
        left.retain(|lane| lane.has_waiting());
        left.extend(old.lanes.iter().filter(|lane| lane.has_waiting()).cloned());
    }

    /// Lets one queued request of this worker try again for a place on `server`.
    pub(crate) fn wake(&self, server: ServerId) {
        let epoch = self.epoch();
        let left = self.left_lanes.borrow();
        // Those that wait since before a reload have waited longest.
        let mut lanes = left.iter().chain(&epoch.lanes);
        if let Some(lane) = lanes.find(|lane| lane.has_waiting() && lane.has(server)) {
            lane.wake_first();
        }
    }

    /// Begins the drain: from now on responses end their connections, and those that are idle
    /// until `idle_at` are closed.
    pub(crate) fn begin_drain(&self, idle_at: Duration) {
        self.drain_idle_at.set(Some(idle_at));
        for (_, guest) in &*self.guests.borrow() {
            if guest.idle {
                guest.stream.set_recv_deadline(Some(idle_at));
            }
        }
    }

    /// True while clients are connected, to whichever worker: those of another may wait for what this one's cache knows.
    pub(crate) fn has_connections(&self) -> bool {
        self.house.clients.active() > 0
    }

    /// Cuts off every client.
    pub(crate) fn abort_connections(&self) {
        for (_, guest) in &*self.guests.borrow() {
            guest.stream.abort();
        }
    }

    /// Looks over the idle upstream connections.
    pub(crate) fn sweep_pool(&self) {
        let epoch = self.epoch();
        let mut pool = self.pool.borrow_mut();
        pool.sweep(now(), |server| epoch.berth_of(server));
        self.stats.pool_idle.set(pool.idle() as u64);
        if self.index == 0 {
            epoch.adoption.expire_spills(now());
        }
    }

    /// Passes on what the I/O of this core has counted since `seen`.
    pub(crate) fn report(&self, seen: &mut Stats) {
        let new = stats();
        self.stats.panics.add(new.panics - seen.panics);
        self.stats
            .connections_shed
            .add(new.accept_shed - seen.accept_shed);
        self.stats
            .ring_overflows
            .add(new.ring_overflows - seen.ring_overflows);
        self.stats
            .buffers_short
            .add(new.buffers_short - seen.buffers_short);
        *seen = new;
        self.report_cache();
    }

    fn report_cache(&self) {
        let mut store = self.cache.store.borrow_mut();
        let (held, told) = (store.stats(), &self.stats.cached);
        told.entries.set(held.entries as u64);
        told.bytes.set(held.bytes as u64);
        told.evictions.add(held.evictions - told.evictions.get());
        self.epoch().holders.report(&mut store);
    }

    /// What new requests are served by.
    pub(crate) fn epoch(&self) -> Rc<Epoch> {
        self.epoch.borrow().clone()
    }

    /// True once a drain has begun.
    pub(crate) fn is_draining(&self) -> bool {
        self.drain_idle_at.get().is_some()
    }

    /// When idle client connections are closed, once a drain has begun.
    pub(crate) fn drain_idle_at(&self) -> Option<Duration> {
        self.drain_idle_at.get()
    }

    /// Lets a client in, unless there are as many as may be or this worker has its share of the memory.
    pub(crate) fn admit(self: &Rc<Self>) -> Option<Admission> {
        let epoch = self.epoch.borrow();
        let entered =
            held_bytes() < epoch.most_held && self.house.clients.try_acquire(epoch.most_clients);
        entered.then(|| Admission(self.clone()))
    }

    /// Most bytes that one receive of a body may ask for: less where memory is scarce.
    pub(crate) fn piece(&self) -> usize {
        let scarce = held_bytes() >= self.epoch.borrow().most_held / 2;
        if scarce { SMALL_PIECE } else { LARGE_PIECE }
    }

    /// Counts a request for as long as the guard lives.
    pub(crate) fn begin_request(self: &Rc<Self>) -> InFlight {
        self.stats.requests.inc();
        self.stats
            .requests_in_flight
            .set(self.stats.requests_in_flight.get() + 1);
        InFlight(self.clone())
    }

    /// A new request id.
    pub(crate) fn make_id(&self) -> MadeId {
        self.ids.borrow_mut().make()
    }

    /// An idle connection to a server, where there is one; see [`Pool::take`].
    pub(crate) fn reuse(&self, berth: &Berth<'_>) -> Option<Link> {
        let found = self.pool.borrow_mut().take(berth, now());
        match found {
            Some((_, Source::Own)) => self.stats.pool_hits.inc(),
            Some((_, Source::Spill)) => self.stats.pool_spill_hits.inc(),
            None => self.stats.pool_misses.inc(),
        }
        found.map(|(link, _)| link)
    }

    /// Closes an idle upstream connection, so that its descriptor comes free; false where there is none.
    pub(crate) fn close_idle(&self, epoch: &Epoch) -> bool {
        self.pool.borrow_mut().close_oldest() || epoch.adoption.close_spilled()
    }

    /// Keeps a connection for the next request to its server, of which this core may have `room`.
    pub(crate) fn keep(&self, link: Link, berth: &Berth<'_>, room: usize) {
        if !self.is_draining() {
            self.pool.borrow_mut().put(link, berth, room, now());
        }
    }

    /// The value of `Date` for a response that is made now.
    pub(crate) fn date(&self) -> Ref<'_, DateText> {
        self.date.borrow_mut().refresh();
        self.date.borrow()
    }
}

/// This worker's part of what the caches may hold together.
fn cache_size(adoption: &Adoption, house: &House) -> usize {
    let workers = house.posts.len().max(1) as u64;
    usize::try_from(adoption.plan.cache.size / workers).unwrap_or(usize::MAX)
}

/// A client that was let in, and is counted for as long as this lives.
pub(crate) struct Admission(Rc<Worker>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.house.clients.release();
    }
}

/// A client connection that is known to its worker for as long as this lives.
pub(crate) struct Seat {
    admission: Admission,
    key: usize,
}

impl Seat {
    /// Makes a client that was let in known; it counts as idle at first.
    pub(crate) fn take(admission: Admission, stream: Rc<Stream>) -> Self {
        let Admission(worker) = &admission;
        let mut guests = worker.guests.borrow_mut();
        let key = guests.insert(Guest { stream, idle: true });
        worker.stats.connections_active.set(guests.len() as u64);
        drop(guests);
        Self { admission, key }
    }

    /// Tells whether no request is under way.
    pub(crate) fn set_idle(&self, idle: bool) {
        let Admission(worker) = &self.admission;
        worker.guests.borrow_mut()[self.key].idle = idle;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Admission(worker) = &self.admission;
        let mut guests = worker.guests.borrow_mut();
        let guest = guests.remove(self.key);
        worker.stats.connections_active.set(guests.len() as u64);
        drop(guests);
        drop(guest);
    }
}

/// A counted request.
pub(crate) struct InFlight(Rc<Worker>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stats.refused(Reason::Internal);
        }
        let gauge = &self.0.stats.requests_in_flight;
        gauge.set(gauge.get().saturating_sub(1));
    }
}
