//! The one thread that takes events while the workers serve.

use std::net::SocketAddr;
use std::process::exit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_balance::{Resolved, Roster, StickySecret};
use ringfence_config::Plan;
use ringfence_control::{Control, Scene, StartError, notice};
use ringfence_proxy::{Adoption, House, Order};

use crate::failure::Failure;
use crate::serve::changes;
use crate::serve::event::{Event, Outcome};
use crate::serve::host::Switchboard;
use crate::serve::inbox::Inbox;
use crate::serve::listeners::{self, Bound, Sockets};
use crate::serve::take_up;
use crate::source::Source;
use crate::terminal::flush;

/// How much longer than the drain's limit the workers may take before they are left behind.
const DRAIN_SLACK: Duration = Duration::from_secs(2);

/// Signals closer together than this are one: `timeout` and some init systems send to the process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// A serving process.
pub(crate) struct Process {
    pub(crate) source: Source,
    /// The plan at the start: what it says of threads and rings holds until the end.
    pub(crate) started_with: Arc<Plan>,
    pub(crate) adoption: Arc<Adoption>,
    pub(crate) resolved: Resolved,
    pub(crate) secret: StickySecret,
    pub(crate) bound: Vec<Bound>,
    pub(crate) house: Arc<House>,
    pub(crate) host: Arc<Switchboard>,
    pub(crate) control: Control,
    pub(crate) inbox: Inbox,
}

/// Where a process serves, once it does.
pub(crate) struct Started {
    /// The first listener.
    pub(crate) address: SocketAddr,
    /// The admin listener.
    pub(crate) admin: Option<SocketAddr>,
}

/// Why the process ends.
enum End {
    /// It was asked to.
    Asked,
    /// A worker is gone, for this reason.
    Lost(String),
}

impl Process {
    /// Where it serves.
    pub(crate) fn started(&self) -> Started {
        Started {
            address: self.bound.first().expect("a plan has a listener").real,
            admin: self.control.admin_address(),
        }
    }

    /// Takes events until the process is to end, then drains it.
    ///
    /// # Errors
    /// When a worker ended that was not told to.
    pub(crate) fn supervise(mut self) -> Result<(), Failure> {
        let end = loop {
            match self.inbox.next() {
                Event::Reload(reply) => {
                    let outcome = self.reload();
                    self.count(&outcome);
                    report(&outcome);
                    if let Some(reply) = reply {
                        reply(outcome);
                    }
                }
                Event::Resolved(resolved, reply) => {
                    self.re_resolve(resolved);
                    reply(());
                }
                Event::ReopenLogs => self.control.reopen_log(),
                Event::Terminate { .. } => break End::Asked,
                Event::Ended { index, result } => {
                    self.host.worker_ended();
                    break End::Lost(lost(index, result));
                }
                // What was asked for has been given up, or is known.
                Event::Named(_) | Event::Arrived(_) => {}
            }
        };
        self.drain(end)
    }

    /// Reads the configuration again and takes it up, whole or not at all.
    fn reload(&mut self) -> Outcome {
        let plan = Arc::new(self.source.load().map_err(|failure| failure.to_string())?);
        let want: Vec<_> = plan
            .listeners
            .iter()
            .map(|listener| listener.address)
            .collect();
        let (added, gone) = listeners::difference(&self.bound, &want);
        let sockets = listeners::bind_all(&added, self.house.posts.len(), plan.workers.backlog)
            .map_err(|error| listeners::blame(&error, &added, &gone))?;
        let resolved = self
            .inbox
            .resolve(&plan, &self.resolved)
            .map_err(|failure| failure.to_string())?;
        let mut lines = changes::describe(&self.started_with, &self.adoption.plan, &plan);
        self.adopt(plan, resolved)
            .map_err(|error| error.to_string())?;
        // Nothing can be refused from here on.
        self.listen(sockets);
        self.unlisten(&gone);
        lines.extend(take_up::await_workers(&self.house));
        Ok(lines)
    }

    fn count(&self, outcome: &Outcome) {
        let stats = self.house.registry.control();
        match outcome {
            Ok(_) => stats.reloads.inc(),
            Err(_) => stats.reload_failures.inc(),
        }
    }

    /// Takes up what names resolve to now.
    fn re_resolve(&mut self, resolved: Resolved) {
        if let Err(error) = self.adopt(self.adoption.plan.clone(), resolved) {
            notice(format_args!("new addresses cannot be taken up: {error}"));
        }
    }

    /// Has the control plane and all workers serve by `plan`.
    fn adopt(&mut self, plan: Arc<Plan>, resolved: Resolved) -> Result<(), StartError> {
        let previous = &*self.adoption;
        let roster = Roster::build(
            &plan.upstreams,
            &resolved,
            self.secret,
            Some(&previous.roster),
        );
        let roster = Arc::new(roster);
        let adoption = Adoption::new(
            plan.clone(),
            roster.clone(),
            self.house.most_spilled,
            Some(previous),
        );
        let queues = self.house.logs.clone();
        self.control.adopt(Scene {
            plan,
            roster,
            resolved: resolved.clone(),
            queues,
        })?;
        self.resolved = resolved;
        self.adoption = adoption;
        for post in &self.house.posts {
            post.post(Order::Adopt(self.adoption.clone()));
        }
        Ok(())
    }

    fn listen(&mut self, sockets: Vec<Sockets>) {
        for Sockets { bound, each } in sockets {
            notice(format_args!("listening on http://{}", bound.real));
            self.bound.push(bound);
            for (post, socket) in self.house.posts.iter().zip(each) {
                post.post(Order::Listen(socket));
            }
        }
    }

    fn unlisten(&mut self, gone: &[Bound]) {
        for bound in gone {
            notice(format_args!("no longer listening on {}", bound.real));
            self.bound.retain(|other| other != bound);
            for post in &self.house.posts {
                post.post(Order::Unlisten(bound.real));
            }
        }
    }

    /// Lets requests finish, within the limit, and ends the workers and the control plane.
    fn drain(mut self, end: End) -> Result<(), Failure> {
        let grace = self.adoption.plan.timeouts.drain;
        let mut left = self.house.posts.len();
        match &end {
            End::Asked => notice(format_args!("draining for up to {} s", grace.as_secs_f64())),
            End::Lost(why) => {
                left -= 1;
                notice(format_args!("{why}; draining the others and ending"));
            }
        }
        self.host.begin_drain();
        for post in &self.house.posts {
            post.post(Order::Drain(grace));
        }
        let late = self.await_workers(left, grace + DRAIN_SLACK);
        // Whoever waits for an answer from here learns that there is none, so that the control plane can end.
        drop(self.inbox);
        self.control.shutdown();
        match end {
            End::Lost(why) => Err(Failure::new(why)),
            End::Asked if late > 0 => Err(Failure::new(format!(
                "{late} workers did not end in time, and were left behind"
            ))),
            End::Asked => {
                notice("drained");
                Ok(())
            }
        }
    }

    /// Waits until `left` workers have ended, or `limit` has passed; how many had not ended then.
    fn await_workers(&mut self, mut left: usize, limit: Duration) -> usize {
        let began = Instant::now();
        while left > 0 {
            match self
                .inbox
                .next_within(limit.saturating_sub(began.elapsed()))
            {
                Some(Event::Ended { .. }) => {
                    self.host.worker_ended();
                    left -= 1;
                }
                Some(Event::Terminate {
                    signal: Some(signal),
                }) if began.elapsed() > SAME_SIGNAL => {
                    notice("ending at once");
                    flush();
                    exit(128 + signal);
                }
                Some(Event::Reload(Some(reply))) => {
                    reply(Err("the process is draining".to_owned()))
                }
                Some(_) => {}
                None => return left,
            }
        }
        0
    }
}

fn lost(index: usize, result: Result<(), String>) -> String {
    let why = result.err().unwrap_or_else(|| "it returned".to_owned());
    format!("worker {index} has ended: {why}")
}

fn report(outcome: &Outcome) {
    match outcome {
        Ok(lines) => notice(format_args!("reloaded: {}", lines.join("; "))),
        Err(text) => notice(format_args!(
            "reload refused, the old configuration serves on:\n{text}"
        )),
    }
}
