//! Running one worker: its listeners, the orders that it takes, and its end.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{ListenSocket, Listener, Mailbox, now, sleep, spawn, stats, trim_pools};

use crate::explain;
use crate::house::{Order, WorkerSeed};
use crate::serve::Coroutines;
use crate::stations::accept;
use crate::warm;
use crate::worker::Worker;

/// How often idle upstream connections are looked over, and memory that lay unused is freed.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Once draining, a client connection that stays idle for so long is closed. A busy client
/// sends its next request sooner, and is told there to close.
const DRAIN_IDLE: Duration = Duration::from_millis(500);

/// How often a drain looks whether all connections have ended.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// Runs one worker on the current thread until an order to drain has been carried out.
pub async fn work(seed: WorkerSeed) {
    let worker = Worker::new(seed.index, seed.house, seed.adoption);
    let mut shift = Shift {
        worker,
        coroutines: Coroutines::new(),
        listeners: Vec::new(),
        complaints: Vec::new(),
    };
    for socket in seed.listeners {
        shift.listen(socket);
    }
    spawn(look_after(shift.worker.clone(), shift.coroutines.clone()));
    let mut orders = seed.orders;
    let grace = shift.take_orders(&mut orders).await;
    shift.drain(grace, &mut orders).await;
}

/// A worker at work.
struct Shift {
    worker: Rc<Worker>,
    coroutines: Rc<Coroutines>,
    listeners: Vec<Rc<Listener>>,
    /// What could not be done since the last report.
    complaints: Vec<String>,
}

impl Shift {
    /// Carries out orders until one says to drain, and returns its time limit.
    async fn take_orders(&mut self, orders: &mut Mailbox<Order>) -> Duration {
        loop {
            if let Some(grace) = self.obey(orders.recv().await) {
                return grace;
            }
        }
    }

    fn obey(&mut self, order: Order) -> Option<Duration> {
        match order {
            Order::Adopt(adoption) => self.worker.adopt(adoption),
            Order::Listen(socket) => self.listen(socket),
            Order::Unlisten(address) => self.unlisten(address),
            // Whoever asked may have stopped waiting. The channel has no bound, so that this never waits.
            Order::Report(done) => drop(done.send(std::mem::take(&mut self.complaints))),
            Order::Wake(server) => self.worker.wake(server),
            Order::Cache(note) => self.worker.cache.obey(note.0),
            Order::Explain(question) => explain::start(&self.worker, question),
            Order::SoftlyPurged(answer) => warm::start_list(&self.worker, answer),
            Order::Fetch(errand) => warm::start(&self.worker, errand),
            Order::Drain(grace) => return Some(grace),
        }
        None
    }

    fn listen(&mut self, socket: ListenSocket) {
        let address = socket.local_addr();
        match Listener::new(socket) {
            Ok(listener) => {
                let listener = Rc::new(listener);
                self.listeners.push(listener.clone());
                spawn(accept::run(
                    self.worker.clone(),
                    self.coroutines.clone(),
                    listener,
                ));
            }
            Err(error) => self.complaints.push(format!(
                "worker {} cannot accept on {address}: {error}",
                self.worker.index
            )),
        }
    }

    fn unlisten(&mut self, address: SocketAddr) {
        let (gone, stay) = self
            .listeners
            .drain(..)
            .partition(|listener| listener.local_addr() == address);
        self.listeners = stay;
        close(gone);
    }

    async fn drain(mut self, grace: Duration, orders: &mut Mailbox<Order>) {
        let end = now() + grace;
        self.worker.begin_drain(now() + DRAIN_IDLE.min(grace));
        close(std::mem::take(&mut self.listeners));
        while now() < end && self.worker.has_connections() {
            while let Some(order) = orders.try_recv() {
                // What is under way may need others still; nothing new is accepted.
                match order {
                    Order::Wake(server) => self.worker.wake(server),
                    Order::Cache(note) => self.worker.cache.obey(note.0),
                    _ => {}
                }
            }
            sleep(DRAIN_STEP).await;
        }
        self.worker.abort_connections();
    }
}

fn close(listeners: Vec<Rc<Listener>>) {
    for listener in listeners {
        listener.close();
    }
}

/// What a worker does beside its requests.
async fn look_after(worker: Rc<Worker>, coroutines: Rc<Coroutines>) {
    let mut seen = stats();
    while !worker.is_draining() {
        sleep(SWEEP_EVERY).await;
        worker.sweep_pool();
        worker.cache.sweep();
        worker.report(&mut seen);
        coroutines.trim();
        trim_pools();
    }
}
