//! Warms at the start and from time to time, as the plan says.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ringfence_config::Warm;
use ringfence_telemetry::{Fetched, Target};
use tokio::{sync::oneshot, time::sleep};

use super::run::{Fetching, Tally, Watch, run};
use super::sources::{Files, Sources};
use crate::{notice::notice, random::Random, scene::Shared, task::Task};

/// How often it is looked whether the workers have begun.
const LOOK: Duration = Duration::from_millis(50);

/// Failures of one warming that are told one by one.
const MOST_TOLD: usize = 5;

/// The part of the time between two warmings by which it may be shorter or longer.
const JITTER: f64 = 0.1;

/// Why nothing more comes.
const ENDING: &str = "the process is ending";

/// The warmings of the plan in force.
#[derive(Default)]
pub(crate) struct Schedules {
    running: Vec<(Warm, Task)>,
}

impl Schedules {
    /// Warms by the plan in force from now on. What the plan before said too goes on in its rhythm.
    pub(crate) fn adopt(&mut self, shared: &Arc<Shared>) {
        let mut earlier = std::mem::take(&mut self.running);
        for warm in &shared.scene().plan.warms {
            let kept = earlier.iter().position(|(before, _)| before == warm);
            self.running.push(match kept {
                Some(at) => earlier.swap_remove(at),
                None => (
                    warm.clone(),
                    Task::spawn(keep_warm(warm.clone(), shared.clone())),
                ),
            });
        }
    }
}

/// Asks a worker for something for its cache alone.
///
/// # Errors
/// Where the process is ending.
pub(crate) async fn fetch(shared: Arc<Shared>, target: Target) -> Result<Fetched, String> {
    if shared.host.workers().draining {
        return Err(ENDING.to_owned());
    }
    let place = shared.fetches.clone().acquire_owned().await;
    let place = place.map_err(|error| error.to_string())?;
    let (done, told) = oneshot::channel();
    // Whoever asked may have hung up; the request goes on, and keeps its place until it has ended.
    let done = Box::new(move |fetched| {
        drop(place);
        drop(done.send(fetched));
    });
    shared.host.fetch(&target, done);
    told.await.map_err(|_| ENDING.to_owned())
}

async fn keep_warm(warm: Warm, shared: Arc<Shared>) {
    while !shared.host.workers().are_accepting() {
        sleep(LOOK).await;
    }
    let mut random = Random((shared.clock)().as_nanos() as u64);
    if warm.at_start {
        once(&warm, &shared).await;
    }
    while let Some(every) = warm.every {
        sleep(random.about(every, JITTER)).await;
        once(&warm, &shared).await;
    }
}

async fn once(warm: &Warm, shared: &Arc<Shared>) {
    let sources = Sources {
        urls: warm.urls.clone(),
        lists: warm.list.iter().map(PathBuf::from).collect(),
        sitemaps: warm.sitemap.iter().cloned().collect(),
    };
    let targets = match sources.targets(Files::Regular).await {
        Ok(targets) => targets,
        Err(why) => return notice(format_args!("warm: {why}")),
    };
    let ask = |target| -> Fetching { Box::pin(fetch(shared.clone(), target)) };
    let mut teller = Teller::default();
    match run(targets, warm.concurrency, ask, &mut teller).await {
        Ok(tally) => notice(format_args!("warm: {} URLs: {tally}", tally.total)),
        Err(why) => notice(format_args!("warm: {why}")),
    }
}

/// Tells on standard error how it goes, in few words.
#[derive(Default)]
struct Teller {
    failures: usize,
    has_waited: bool,
}

impl Watch for Teller {
    fn moved(&mut self, _: &Tally) {}

    fn failed(&mut self, url: &str, why: &str) {
        self.failures += 1;
        if self.failures <= MOST_TOLD {
            notice(format_args!("warm: {}: {why}", url.escape_debug()));
        }
    }

    fn waits(&mut self, _: Duration) {
        if !std::mem::replace(&mut self.has_waited, true) {
            notice("warm: no server answers; it waits and asks again");
        }
    }
}
