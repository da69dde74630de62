//! What the process serves now, as the control plane shows it.

use crate::host::Host;
use ringfence_balance::{Resolved, Roster};
use ringfence_config::Plan;
use ringfence_telemetry::{LogQueue, Registry};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::sync::Semaphore;

/// Requests for the caches alone that may be under way at once.
const MOST_FETCHES: usize = 1_024;

/// The plan in force, and what was made from it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its upstreams' servers.
    pub roster: Arc<Roster>,
    /// The addresses that the roster was built with.
    pub resolved: Resolved,
    /// The workers' access-log queues. A queue of an earlier scene is drained for as long as a worker holds it.
    pub queues: Vec<Arc<LogQueue>>,
}

/// How many descriptors the control plane may use at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Connections to the admin listener, and as many to the control socket.
    pub guests: usize,
    /// Active checks under way.
    pub checks: usize,
}

/// What all parts of the control plane share.
pub(crate) struct Shared {
    pub(crate) registry: Arc<Registry>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) version: &'static str,
    /// The configuration file, where there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) crowd: Crowd,
    /// The time since the process started, on the workers' clock.
    pub(crate) clock: fn() -> Duration,
    /// When the process started, since 1970.
    pub(crate) started: Duration,
    /// Requests for the caches alone that may be under way, whether or not who asked for them still waits.
    pub(crate) fetches: Arc<Semaphore>,
    scene: Mutex<Arc<Scene>>,
}

impl Shared {
    pub(crate) fn new(
        registry: Arc<Registry>,
        host: Arc<dyn Host>,
        version: &'static str,
        file: Option<PathBuf>,
        crowd: Crowd,
        clock: fn() -> Duration,
        scene: Arc<Scene>,
    ) -> Self {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            registry,
            host,
            version,
            file,
            crowd,
            clock,
            started: since_1970.saturating_sub(clock()),
            fetches: Arc::new(Semaphore::new(MOST_FETCHES)),
            scene: Mutex::new(scene),
        }
    }

    pub(crate) fn scene(&self) -> Arc<Scene> {
        self.scene
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_scene(&self, scene: Arc<Scene>) {
        *self.scene.lock().unwrap_or_else(PoisonError::into_inner) = scene;
    }
}
