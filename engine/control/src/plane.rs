//! What runs on the control thread.

use crate::{
    admin,
    check::{Checks, sweep},
    notice::notice,
    opening::Change,
    resolve::keep_resolved,
    scene::{Scene, Shared},
    serve::Served,
    socket::{ControlSocket, SocketFile},
    task::Task,
    warm::Schedules,
};
use ringfence_telemetry::Registry;
use std::{collections::HashSet, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
};

/// How long exchanges with the admin listener and the control socket may go on when the process ends: the reply to
/// the command that ended it, mostly. What blocks a thread then, such as a file that is not read to its end, is left.
const LAST_REPLIES: Duration = Duration::from_millis(500);

/// What the control thread is told. Few: one for each reload or change of addresses.
#[derive(Debug)]
pub(crate) enum Order {
    Adopt {
        scene: Arc<Scene>,
        admin: Change<TcpListener>,
        control: Change<ControlSocket>,
    },
    Shutdown,
}

/// The control thread.
pub(crate) fn run(
    runtime: Runtime,
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<Order>,
) {
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
    runtime.shutdown_timeout(LAST_REPLIES);
}

/// All that runs on the control thread.
struct Plane {
    shared: Arc<Shared>,
    checks: Checks,
    admin: Option<Served>,
    control: Option<(Served, SocketFile)>,
    adopted: watch::Sender<()>,
    warming: Schedules,
    _resolving: Task,
    _sweeping: Task,
}

impl Plane {
    fn new(shared: Arc<Shared>) -> Self {
        let (adopted, adoptions) = watch::channel(());
        Self {
            checks: Checks::new(shared.registry.control(), shared.clock, shared.crowd.checks),
            admin: None,
            control: None,
            adopted,
            warming: Schedules::default(),
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
        self.warming.adopt(&self.shared);
        if let Change::To(listener) = admin {
            self.admin = listener.and_then(|listener| {
                let listener = report(tokio::net::TcpListener::from_std(listener))?;
                Some(Served::start(
                    listener,
                    self.shared.crowd.guests,
                    admin::over_tcp(self.shared.clone()),
                ))
            });
        }
        if let Change::To(socket) = control {
            self.control = socket.and_then(|socket| {
                let most = self.shared.crowd.guests;
                let (listener, file) = report(socket.into_parts())?;
                let served = Served::start(listener, most, admin::over_socket(self.shared.clone()));
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
    let say = |error| notice(format_args!("admin: cannot serve: {error}"));
    outcome.map_err(say).ok()
}
