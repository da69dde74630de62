//! The control plane's handle: starts it, has it adopt a new plan, stops it.

use crate::{
    admin,
    check::{Checks, sweep},
    error::StartError,
    host::Host,
    log::{LogWriter, Sink, Source},
    resolve::keep_resolved,
    scene::{Scene, Shared},
    serve::Served,
    socket::{ControlSocket, SocketFile},
    task::Task,
};
use ringfence_config::{AccessLog, LogFormat, LogTarget, Plan};
use ringfence_telemetry::Registry;
use std::{
    collections::HashSet,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
};

/// How long exchanges with the admin listener and the control socket may go on when the process ends: the reply to
/// the command that ended it, mostly.
const LAST_REPLIES: Duration = Duration::from_millis(500);
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

/// What is open now, as configured.
#[derive(Debug, Default)]
struct Bound {
    admin: Option<SocketAddr>,
    /// Where the admin listener really is: the port is another where the plan says 0.
    admin_at: Option<SocketAddr>,
    control: Option<PathBuf>,
    log: Option<LogTarget>,
}

/// What the control thread is told. Few: one for each reload or change of addresses.
#[derive(Debug)]
enum Order {
    Adopt {
        scene: Arc<Scene>,
        admin: Change<TcpListener>,
        control: Change<ControlSocket>,
    },
    Shutdown,
}

/// What becomes of something that the plan may leave as it is, change or not have at all.
#[derive(Debug)]
enum Change<T> {
    Keep,
    To(Option<T>),
}

/// What a plan needs opened, before anything is changed.
struct Opened {
    bound: Bound,
    admin: Change<TcpListener>,
    control: Change<ControlSocket>,
    sink: Option<Sink>,
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
            .spawn(move || run(&runtime, shared, inbox))
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

    fn bound(&self) -> std::sync::MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens what the plan has and `bound` has not.
fn open(plan: &Plan, bound: &Bound) -> Result<Opened, StartError> {
    let mut next = Bound {
        admin: plan.admin.listen,
        admin_at: bound.admin_at,
        control: plan.admin.control.clone(),
        log: target(&plan.access_log),
    };
    let mut admin = Change::Keep;
    if next.admin != bound.admin {
        let listener = next.admin.map(listen).transpose()?;
        next.admin_at = listener.as_ref().and_then(|l| l.local_addr().ok());
        admin = Change::To(listener);
    }
    let mut control = Change::Keep;
    if next.control != bound.control {
        let socket = next.control.as_deref().map(ControlSocket::bind);
        control = Change::To(socket.transpose()?);
    }
    let mut sink = None;
    if let Some(target) = &next.log
        && next.log != bound.log
    {
        sink = Some(Sink::open(target).map_err(|source| StartError::Log {
            target: shown(target),
            source,
        })?);
    }
    Ok(Opened {
        bound: next,
        admin,
        control,
        sink,
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| StartError::Admin { address, source })
}

/// Where the plan logs to; none if it does not.
fn target(log: &AccessLog) -> Option<LogTarget> {
    (log.format != LogFormat::Off).then(|| log.to.clone())
}

fn shown(target: &LogTarget) -> String {
    match target {
        LogTarget::Stdout => "standard output".into(),
        LogTarget::File(path) => path.display().to_string(),
        LogTarget::SyslogUnix(path) => format!("syslog:{}", path.display()),
        LogTarget::SyslogUdp(address) => format!("syslog:{address}"),
    }
}

fn source(scene: &Scene, sink: Option<Sink>) -> Source {
    Source {
        queues: scene.queues.clone(),
        format: scene.plan.access_log.format,
        sink,
    }
}

/// The control thread.
fn run(runtime: &Runtime, shared: Arc<Shared>, mut inbox: mpsc::UnboundedReceiver<Order>) {
    runtime.block_on(async {
        let mut plane = Plane::new(shared);
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Adopt {
                    scene,
                    admin,
                    control,
                } => plane.adopt(scene, admin, control),
                Order::Shutdown => break,
            }
        }
        plane.finish().await;
    });
}

/// All that runs on the control thread.
struct Plane {
    shared: Arc<Shared>,
    checks: Checks,
    admin: Option<Served>,
    control: Option<(Served, SocketFile)>,
    adopted: watch::Sender<()>,
    _resolving: Task,
    _sweeping: Task,
}

impl Plane {
    fn new(shared: Arc<Shared>) -> Self {
        let (adopted, adoptions) = watch::channel(());
        Self {
            checks: Checks::new(shared.registry.control(), shared.clock),
            admin: None,
            control: None,
            adopted,
            _resolving: Task::spawn(keep_resolved(shared.clone(), adoptions)),
            _sweeping: Task::spawn(sweep(shared.clone())),
            shared,
        }
    }

    fn adopt(
        &mut self,
        scene: Arc<Scene>,
        admin: Change<TcpListener>,
        control: Change<ControlSocket>,
    ) {
        self.checks.adopt(&scene.roster);
        retire(&self.shared.registry, &scene);
        self.shared.set_scene(scene);
        self.adopted.send_replace(());
        if let Change::To(listener) = admin {
            self.admin = listener.and_then(|listener| {
                let listener = report(tokio::net::TcpListener::from_std(listener))?;
                Some(Served::start(
                    listener,
                    admin::over_tcp(self.shared.clone()),
                ))
            });
        }
        if let Change::To(socket) = control {
            self.control = socket.and_then(|socket| {
                let (listener, file) = report(socket.into_parts())?;
                let served = Served::start(listener, admin::over_socket(self.shared.clone()));
                Some((served, file))
            });
        }
    }

    async fn finish(self) {
        if let Some((served, _file)) = self.control {
            served.finish(LAST_REPLIES).await;
        }
        if let Some(served) = self.admin {
            served.finish(LAST_REPLIES).await;
        }
    }
}

/// Tells the registry which routes and servers are in force.
fn retire(registry: &Registry, scene: &Scene) {
    let routes: HashSet<&str> = scene.plan.routes.iter().map(|route| &*route.name).collect();
    let groups = scene.roster.groups.iter();
    let servers: HashSet<(&str, &str)> = groups
        .flat_map(|group| {
            group
                .servers
                .iter()
                .map(|server| (&*group.name, &*server.label))
        })
        .collect();
    registry.retire(
        |route| routes.contains(route),
        |upstream, server| servers.contains(&(upstream, server)),
    );
}

/// Registering with epoll fails only when the kernel is out of memory or watches.
fn report<T>(outcome: io::Result<T>) -> Option<T> {
    let say = |error| crate::notice::notice(format_args!("admin: cannot serve: {error}"));
    outcome.map_err(say).ok()
}

#[cfg(test)]
mod tests;
