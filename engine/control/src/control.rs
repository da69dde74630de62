//! The control plane's handle: starts it, has it adopt a new plan, stops it.

use crate::{
    error::StartError,
    host::Host,
    log::{LogWriter, Sink, Source},
    opening::{Bound, open},
    plane::{Order, run},
    scene::{Crowd, Scene, Shared},
};
use ringfence_telemetry::Registry;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::mpsc;

/// Threads for what may block: reloads and new rosters, which the process takes one after another anyway.
const BLOCKING_THREADS: usize = 4;

/// What the control plane starts with.
pub struct Start {
    /// What is served at first.
    pub scene: Scene,
    /// The workers' numbers.
    pub registry: Arc<Registry>,
    /// The process.
    pub host: Arc<dyn Host>,
    /// The time since the process started, on the workers' clock.
    pub clock: fn() -> Duration,
    /// The configuration file, where there is one; absolute.
    pub file: Option<PathBuf>,
    /// How much it may have open at once.
    pub crowd: Crowd,
    /// The version of this build.
    pub version: &'static str,
}

/// The running control plane. Dropping it without [`Control::shutdown`] ends it too, but waits for nothing.
#[derive(Debug)]
pub struct Control {
    orders: mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
    log: LogWriter,
    bound: Mutex<Bound>,
}

impl Control {
    /// Opens what the plan asks for and starts the threads. They inherit the caller's CPU mask: call this before
    /// pinning.
    ///
    /// # Errors
    /// If the admin listener, the control socket or the access log can't be opened, or the system gives no thread.
    pub fn start(start: Start) -> Result<Self, StartError> {
        let opened = open(&start.scene.plan, &Bound::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()
            .map_err(StartError::Thread)?;
        let log = LogWriter::start(source(&start.scene, opened.sink), start.registry.control())
            .map_err(StartError::Thread)?;
        let scene = Arc::new(start.scene);
        let shared = Arc::new(Shared::new(
            start.registry,
            start.host,
            start.version,
            start.file,
            start.crowd,
            start.clock,
            scene.clone(),
        ));
        let (orders, inbox) = mpsc::unbounded_channel();
        let first = Order::Adopt {
            scene,
            admin: opened.admin,
            control: opened.control,
        };
        // The receiver is still here.
        let _ = orders.send(first);
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || run(runtime, shared, inbox))
            .map_err(StartError::Thread)?;
        Ok(Self {
            orders,
            thread,
            log,
            bound: Mutex::new(opened.bound),
        })
    }

    /// Where the admin listener is; none if the plan has none.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.bound().admin_at
    }

    /// Serves another scene from now on: after a reload, or when addresses changed. Blocks shortly.
    ///
    /// # Errors
    /// If the plan asks for something that can't be opened. Nothing is changed then.
    pub fn adopt(&self, scene: Scene) -> Result<(), StartError> {
        let mut bound = self.bound();
        let opened = open(&scene.plan, &bound)?;
        *bound = opened.bound;
        self.log.adopt(source(&scene, opened.sink));
        let order = Order::Adopt {
            scene: Arc::new(scene),
            admin: opened.admin,
            control: opened.control,
        };
        // The thread ends only when told to, or by a defect; then nobody listens.
        let _ = self.orders.send(order);
        Ok(())
    }

    /// Opens the access log again, as log rotation asks.
    pub fn reopen_log(&self) {
        self.log.reopen();
    }

    /// Stops: the last replies are sent, the last lines written. Waits a few seconds at most.
    pub fn shutdown(self) {
        let _ = self.orders.send(Order::Shutdown);
        // The thread's panic has been reported on standard error.
        let _ = self.thread.join();
        self.log.finish();
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source(scene: &Scene, sink: Option<Sink>) -> Source {
    Source {
        queues: scene.queues.clone(),
        format: scene.plan.access_log.format,
        sink,
    }
}

#[cfg(test)]
mod tests;
