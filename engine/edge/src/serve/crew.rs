//! The workers: one named thread each, pinned, running the request path.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use core_affinity::CoreId;
use ringfence_io::{DriverReport, ListenSocket, Mailbox, Postbox, RunOptions};
use ringfence_io::{driver_report, mailbox};
use ringfence_proxy::{Adoption, House, Order, WorkerSeed, work};
use ringfence_telemetry::About;

use crate::failure::Failure;
use crate::serve::event::{Arrival, Event};

/// The orders' receiving ends, before the workers have started.
pub(crate) type Mailboxes = Vec<Mailbox<Order>>;

/// One mailbox for each worker, in both halves.
pub(crate) fn mailboxes(count: usize) -> (Vec<Postbox<Order>>, Mailboxes) {
    (0..count).map(|_| mailbox()).unzip()
}

/// What one worker is to be, before its thread exists.
pub(crate) struct Post {
    /// Index of the worker, from 0.
    pub(crate) index: usize,
    /// Where to pin it.
    pub(crate) cpu: Option<usize>,
    /// How to run its driver.
    pub(crate) options: RunOptions,
    /// Its sockets, one for each listener.
    pub(crate) listeners: Vec<ListenSocket>,
    /// Its orders.
    pub(crate) orders: Mailbox<Order>,
    /// The plan and servers to begin with.
    pub(crate) adoption: Arc<Adoption>,
    /// What it shares with the others.
    pub(crate) house: Arc<House>,
}

impl Post {
    /// Starts the thread. It tells `events` that it has begun, and that it has ended.
    ///
    /// # Errors
    /// When the system grants no thread.
    pub(crate) fn start(self, events: Sender<Event>) -> Result<(), Failure> {
        let index = self.index;
        let body = move || {
            let came = catch_unwind(AssertUnwindSafe(|| self.run(&events)));
            let result = came.unwrap_or_else(|panic| Err(describe(panic.as_ref())));
            // Nobody listens any more once the process is on its way out.
            let _ = events.send(Event::Ended { index, result });
        };
        match thread::Builder::new()
            .name(format!("rf-worker-{index}"))
            .spawn(body)
        {
            Ok(_detached) => Ok(()),
            Err(error) => Err(
                Failure::new(format!("cannot start worker {index}: {error}"))
                    .hint("lower --workers, or raise the limit on processes (ulimit -u)"),
            ),
        }
    }

    fn run(self, events: &Sender<Event>) -> Result<(), String> {
        let pinned = self
            .cpu
            .filter(|cpu| core_affinity::set_for_current(CoreId { id: *cpu }));
        let Self {
            index,
            options,
            listeners,
            orders,
            adoption,
            house,
            ..
        } = self;
        let seed = WorkerSeed {
            index,
            listeners,
            adoption,
            orders,
            house,
        };
        let main = async {
            if let Some(driver) = driver_report() {
                seed.house
                    .registry
                    .worker(index)
                    .describe(about(pinned, &driver));
                let _ = events.send(Event::Arrived(Arrival {
                    index,
                    cpu: pinned,
                    driver,
                }));
            }
            work(seed).await;
        };
        ringfence_io::run(&options, main).map_err(|error| error.to_string())
    }
}

/// What `/metrics` tells of the worker on this thread.
fn about(cpu: Option<usize>, driver: &DriverReport) -> About {
    // The last part of the link is the thread's id, as the kernel counts.
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    let thread = link
        .file_name()
        .and_then(|id| id.to_str()?.parse().ok())
        .unwrap_or_default();
    About {
        thread,
        cpu,
        driver: driver.kind.name(),
        lack: driver.note.clone(),
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("without a message"))
}
