//! Server names: asked again when their time to live is over, and handed to the process when their addresses change.

mod dns;
mod names;

use crate::{host::Host, notice::notice, scene::Shared};
use dns::{Answer, lookup};
use names::Names;
use ringfence_balance::Resolved;
use ringfence_config::{Plan, Resolver};
use std::{io, sync::Arc, time::Instant};
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::sleep_until,
};

/// Look-ups under way at once.
const MAX_AT_ONCE: usize = 32;

/// Resolves the plan's names that `known` does not have, and blocks until all are answered or given up. For the first
/// roster of a plan, so that it has servers from its start; a name that can't be resolved is noted on standard error and
/// has no server yet.
///
/// # Errors
/// If the system gives no runtime.
pub fn resolve(plan: &Plan, known: &Resolved) -> io::Result<Resolved> {
    let mut names = Names::default();
    names.adopt(&plan.upstreams, &plan.resolver, known, Instant::now());
    let unknown = names.without_address();
    if unknown.is_empty() {
        return Ok(names.resolved());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut asked = Asked::default();
        asked.ask(unknown, &plan.resolver);
        while let Some((host, answer)) = asked.next().await {
            say(&names.answered(&host, answer, Instant::now()));
        }
    });
    Ok(names.resolved())
}

/// Keeps the names of the scene in force resolved, for ever. `adopted` tells of a new scene.
pub(crate) async fn keep_resolved(shared: Arc<Shared>, mut adopted: watch::Receiver<()>) {
    let mut names = Names::default();
    let mut asked = Asked::default();
    let mut hand_over = HandOver::default();
    adopted.mark_changed();
    loop {
        let due = names.next_due();
        tokio::select! {
            changed = adopted.changed() => {
                if changed.is_err() {
                    return;
                }
                let scene = shared.scene();
                let plan = &scene.plan;
                names.adopt(&plan.upstreams, &plan.resolver, &scene.resolved, Instant::now());
            }
            Some((host, answer)) = asked.next() => {
                count(&answer, &shared);
                say(&names.answered(&host, answer, Instant::now()));
            }
            () = hand_over.done() => continue,
            () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                asked.ask(names.ask_due(Instant::now()), &shared.scene().plan.resolver);
            }
        }
        // Several names that change together make one new roster.
        if asked.is_empty() && names.differ_from(&shared.scene().resolved) {
            hand_over.begin(&shared.host, names.resolved());
        }
    }
}

/// Has the process build a roster of the new addresses, on a thread that may wait; one at a time. If the process does
/// not take them, they are offered again after the next answer.
#[derive(Default)]
struct HandOver(Option<JoinHandle<()>>);

impl HandOver {
    fn begin(&mut self, host: &Arc<dyn Host>, resolved: Resolved) {
        let host = host.clone();
        self.0
            .get_or_insert_with(|| spawn_blocking(move || host.resolved(resolved)));
    }

    /// Waits for the end of the one under way; for ever if there is none.
    async fn done(&mut self) {
        match &mut self.0 {
            // Its panic has been reported on standard error.
            Some(task) => drop(task.await),
            None => std::future::pending().await,
        }
        self.0 = None;
    }
}

fn count(answer: &Result<Answer, String>, shared: &Shared) {
    let stats = shared.registry.control();
    match answer {
        Ok(_) => stats.resolutions.inc(),
        Err(_) => stats.resolution_failures.inc(),
    }
}

fn say(line: &Option<String>) {
    if let Some(line) = line {
        notice(format_args!("{line}"));
    }
}

/// Look-ups under way.
struct Asked {
    tasks: JoinSet<(String, Result<Answer, String>)>,
    places: Arc<Semaphore>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            places: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        }
    }
}

impl Asked {
    fn ask(&mut self, hosts: Vec<String>, resolver: &Resolver) {
        for host in hosts {
            let (resolver, places) = (resolver.clone(), self.places.clone());
            self.tasks.spawn(async move {
                let _place = places.acquire().await;
                let answer = lookup(&host, &resolver).await;
                (host, answer)
            });
        }
    }

    /// The next answer; `None` when nothing is under way.
    async fn next(&mut self) -> Option<(String, Result<Answer, String>)> {
        // A look-up that panicked has no name to report; its host is asked again at the next adoption.
        while let Some(done) = self.tasks.join_next().await {
            if let Ok(answer) = done {
                return Some(answer);
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
