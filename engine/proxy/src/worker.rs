//! One core: its listeners, its connections, and the orders that it takes.

use std::cell::{Cell, Ref, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringfence_balance::ServerId;
use ringfence_config::UpstreamId;
use ringfence_http::{RequestHead, ResponseHead};
use ringfence_io::{ListenSocket, Listener, Mailbox, Stats, now, sleep, spawn, stats};
use ringfence_telemetry::{LogQueue, WorkerStats};
use slab::Slab;

use crate::conn::Seat;
use crate::date::DateText;
use crate::epoch::Epoch;
use crate::house::{Adoption, House, Order, WorkerSeed};
use crate::lane::Lane;
use crate::pool::{Link, Pool, Source};
use crate::request_id::{MadeId, RequestIds};
use crate::stations::accept;

/// How often idle upstream connections are looked over.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Once draining, a client connection that stays idle for so long is closed. A busy client
/// sends its next request sooner, and is told there to close.
const DRAIN_IDLE: Duration = Duration::from_millis(500);

/// How often a drain looks whether all connections have ended.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// Spare parsed heads that a worker keeps.
const SPARE_HEADS: usize = 256;

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
    heads: RefCell<Vec<Heads>>,
    seats: RefCell<Slab<Rc<Seat>>>,
    listeners: RefCell<Vec<Rc<Listener>>>,
    ids: RefCell<RequestIds>,
    /// When idle client connections are closed, once a drain has begun.
    drain_idle_at: Cell<Option<Duration>>,
}

/// The parsed heads of one exchange, reused from one to the next.
#[derive(Default)]
pub(crate) struct Heads(Box<HeadPair>);

/// A request's head and its response's.
#[derive(Default)]
pub(crate) struct HeadPair {
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
}

/// Runs one worker on the current thread until an order to drain has been carried out.
pub async fn work(seed: WorkerSeed) {
    let WorkerSeed {
        index,
        listeners,
        adoption,
        mut orders,
        house,
    } = seed;
    let worker = Worker::new(index, house, adoption);
    for socket in listeners {
        worker.listen(socket);
    }
    spawn(worker.clone().sweep());
    let grace = worker.take_orders(&mut orders).await;
    worker.drain(grace, &mut orders).await;
}

impl Worker {
    fn new(index: usize, house: Arc<House>, adoption: Arc<Adoption>) -> Rc<Self> {
        Rc::new(Self {
            index,
            stats: house.registry.worker(index),
            log: house.logs[index].clone(),
            epoch: RefCell::new(Epoch::new(adoption, &house, index, None)),
            left_lanes: RefCell::default(),
            date: RefCell::default(),
            pool: RefCell::default(),
            heads: RefCell::default(),
            seats: RefCell::default(),
            listeners: RefCell::default(),
            ids: RefCell::new(RequestIds::new()),
            drain_idle_at: Cell::new(None),
            house,
        })
    }

    /// Carries out orders until one says to drain, and returns its time limit.
    async fn take_orders(self: &Rc<Self>, orders: &mut Mailbox<Order>) -> Duration {
        loop {
            if let Some(grace) = self.obey(orders.recv().await) {
                return grace;
            }
        }
    }

    fn obey(self: &Rc<Self>, order: Order) -> Option<Duration> {
        match order {
            Order::Adopt(adoption) => self.adopt(adoption),
            Order::Listen(socket) => self.listen(socket),
            Order::Unlisten(address) => self.unlisten(address),
            Order::Wake(server) => self.wake(server),
            Order::Drain(grace) => return Some(grace),
        }
        None
    }

    fn adopt(&self, adoption: Arc<Adoption>) {
        let next = Epoch::new(adoption, &self.house, self.index, Some(&self.epoch()));
        let old = self.epoch.replace(next);
        let mut left = self.left_lanes.borrow_mut();
        left.retain(|lane| lane.has_waiting());
        left.extend(old.lanes.iter().filter(|lane| lane.has_waiting()).cloned());
    }

    fn listen(self: &Rc<Self>, socket: ListenSocket) {
        match Listener::new(socket) {
            Ok(listener) => {
                let listener = Rc::new(listener);
                self.listeners.borrow_mut().push(listener.clone());
                spawn(accept::run(self.clone(), listener));
            }
            Err(error) => eprintln!(
                "worker {}: cannot accept on a listener: {error}",
                self.index
            ),
        }
    }

    fn unlisten(&self, address: SocketAddr) {
        self.listeners.borrow_mut().retain(|listener| {
            let stays = listener.local_addr() != address;
            if !stays {
                listener.close();
            }
            stays
        });
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

    async fn drain(self: &Rc<Self>, grace: Duration, orders: &mut Mailbox<Order>) {
        let end = now() + grace;
        let idle_at = now() + DRAIN_IDLE.min(grace);
        self.drain_idle_at.set(Some(idle_at));
        for listener in self.listeners.take() {
            listener.close();
        }
        for (_, seat) in &*self.seats.borrow() {
            if seat.idle.get() {
                seat.stream.set_recv_deadline(Some(idle_at));
            }
        }
        while now() < end && !self.seats.borrow().is_empty() {
            while let Some(order) = orders.try_recv() {
                self.obey(order);
            }
            sleep(DRAIN_STEP).await;
        }
        for (_, seat) in &*self.seats.borrow() {
            seat.stream.abort();
        }
    }

    async fn sweep(self: Rc<Self>) {
        let mut seen = stats();
        while self.drain_idle_at.get().is_none() {
            sleep(SWEEP_EVERY).await;
            let epoch = self.epoch();
            self.pool
                .borrow_mut()
                .sweep(now(), |server| epoch.berth(server));
            if self.index == 0 {
                epoch.adoption.expire_spills(now());
            }
            self.report(&mut seen);
            self.stats.pool_idle.set(self.pool.borrow().idle() as u64);
        }
    }

    /// Passes on what the I/O of this core has counted since `seen`.
    fn report(&self, seen: &mut Stats) {
        let new = stats();
        self.stats.panics.add(new.panics - seen.panics);
        self.stats
            .connections_shed
            .add(new.accept_shed - seen.accept_shed);
        *seen = new;
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

    /// True when this worker has its share of the client connections.
    pub(crate) fn is_full(&self) -> bool {
        self.seats.borrow().len() >= self.epoch.borrow().most_connections
    }

    /// Counts a client connection for as long as the guard lives.
    pub(crate) fn seat(self: &Rc<Self>, seat: Rc<Seat>) -> Seated {
        let key = self.seats.borrow_mut().insert(seat);
        self.stats
            .connections_active
            .set(self.seats.borrow().len() as u64);
        Seated {
            worker: self.clone(),
            key,
        }
    }

    /// Counts a request for as long as the guard lives.
    pub(crate) fn begin_request(self: &Rc<Self>) -> InFlight {
        self.stats.requests.inc();
        self.stats
            .requests_in_flight
            .set(self.stats.requests_in_flight.get() + 1);
        InFlight(self.clone())
    }

    /// A pair of heads to parse into.
    pub(crate) fn take_heads(&self) -> Heads {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a pair of heads back.
    pub(crate) fn give_heads(&self, heads: Heads) {
        let mut spare = self.heads.borrow_mut();
        if spare.len() < SPARE_HEADS {
            spare.push(heads);
        }
    }

    /// A new request id.
    pub(crate) fn make_id(&self) -> MadeId {
        self.ids.borrow_mut().make()
    }

    /// An idle connection to a server, where there is one; see [`Pool::take`].
    pub(crate) fn reuse(&self, epoch: &Epoch, server: ServerId, careful: bool) -> Option<Link> {
        let berth = epoch.berth(server)?;
        let found = self.pool.borrow_mut().take(&berth, careful, now());
        match found {
            Some((_, Source::Own)) => self.stats.pool_hits.inc(),
            Some((_, Source::Spill)) => self.stats.pool_spill_hits.inc(),
            None => self.stats.pool_misses.inc(),
        }
        found.map(|(link, _)| link)
    }

    /// Keeps a connection for the next request to its server.
    pub(crate) fn keep(&self, epoch: &Epoch, upstream: UpstreamId, server: ServerId, link: Link) {
        if let (false, Some(berth)) = (self.is_draining(), epoch.berth(server)) {
            self.pool
                .borrow_mut()
                .put(link, &berth, epoch.pool_room(upstream), now());
        }
    }

    /// The value of `Date` for a response that is made now.
    pub(crate) fn date(&self) -> Ref<'_, DateText> {
        self.date.borrow_mut().refresh();
        self.date.borrow()
    }
}

/// A counted client connection.
pub(crate) struct Seated {
    worker: Rc<Worker>,
    key: usize,
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut seats = self.worker.seats.borrow_mut();
        seats.remove(self.key);
        self.worker.stats.connections_active.set(seats.len() as u64);
    }
}

/// A counted request.
pub(crate) struct InFlight(Rc<Worker>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let gauge = &self.0.stats.requests_in_flight;
        gauge.set(gauge.get().saturating_sub(1));
    }
}

impl std::ops::Deref for Heads {
    type Target = HeadPair;

    fn deref(&self) -> &HeadPair {
        &self.0
    }
}

impl std::ops::DerefMut for Heads {
    fn deref_mut(&mut self) -> &mut HeadPair {
        &mut self.0
    }
}
