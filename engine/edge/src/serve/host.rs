//! What the control plane may ask of this process: it becomes an event, is read from a few atomics, or
//! is told to the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use ringfence_balance::Resolved;
use ringfence_control::{Explain, Host, Purge, Workers};
use ringfence_proxy::{Asked, House, PurgeOrder, explain, fetch, purge, softly_purged};
use ringfence_telemetry::explain::Explanation;
use ringfence_telemetry::{Fetched, Target, Targets};

use crate::serve::event::{Event, Outcome};
use crate::serve::take_up;

/// The process as the control plane sees it.
pub(crate) struct Switchboard {
    events: Sender<Event>,
    house: Arc<House>,
    accepting: AtomicUsize,
    draining: AtomicBool,
}

impl Switchboard {
    /// For a process none of whose workers has begun.
    pub(crate) fn new(events: Sender<Event>, house: Arc<House>) -> Self {
        Self {
            events,
            house,
            accepting: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
        }
    }

    /// Notes that a worker has begun to accept.
    pub(crate) fn worker_began(&self) {
        self.accepting.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a worker has ended.
    pub(crate) fn worker_ended(&self) {
        self.accepting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes that the process is on its way out.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Sends an event that wants an answer, and waits for it; `None` when the process is past answering.
    fn ask<T: Send + 'static>(
        &self,
        event: impl FnOnce(Box<dyn FnOnce(T) + Send>) -> Event,
    ) -> Option<T> {
        let (answer, answered) = channel();
        // The asker is this very function: it waits below.
        let reply = Box::new(move |value| drop(answer.send(value)));
        self.events.send(event(reply)).ok()?;
        answered.recv().ok()
    }

    /// What each worker has to say; where one says nothing, how many do not.
    fn hear<T>(&self, answers: &Receiver<T>) -> Result<Vec<T>, String> {
        // A worker that has ended answers nobody, neither us nor clients.
        let workers = self.accepting.load(Ordering::Relaxed);
        let heard = take_up::await_each(answers, workers);
        let ending = self.draining.load(Ordering::Relaxed);
        match (workers - heard.len(), ending) {
            (0, _) => Ok(heard),
            (missing, false) => Err(format!("{missing} workers give no answer")),
            (missing, true) => Err(format!("{missing} workers are ending")),
        }
    }
}

impl Host for Switchboard {
    fn reload(&self) -> Result<String, String> {
        let outcome: Option<Outcome> = self.ask(|reply| Event::Reload(Some(reply)));
        match outcome {
            Some(outcome) => outcome.map(|lines| lines.join("\n")),
            None => Err("the process is ending".to_owned()),
        }
    }

    fn stop(&self) {
        // Fails only where the process is past its drain.
        let _ = self.events.send(Event::Terminate { signal: None });
    }

    fn resolved(&self, resolved: Resolved) {
        self.ask(|reply| Event::Resolved(resolved, reply));
    }

    fn purge(&self, order: &Purge) -> Result<(), String> {
        let done = purge(&self.house, &orders(order), order.soft);
        let told = self.hear(&done).map(drop);
        told.map_err(|why| why + "; they purge before they answer from the cache again")
    }

    fn explain(&self, question: &Explain) -> Result<Explanation, String> {
        let asked = Asked {
            method: question.method.clone(),
            url: question.url.clone(),
            fields: question.headers.clone(),
            peer: question.from,
        };
        let parts = self.hear(&explain(&self.house, &asked))?;
        let request = format!("{} {}", asked.method, asked.url);
        Ok(Explanation::join(request, parts))
    }

    fn fetch(&self, target: &Target, done: Box<dyn FnOnce(Fetched) + Send>) {
        fetch(&self.house, &target.url, &target.headers, done);
    }

    fn softly_purged(&self) -> Result<Targets, String> {
        let parts = self.hear(&softly_purged(&self.house))?;
        Ok(Targets {
            has_more: parts.iter().any(|part| part.has_more),
            targets: parts.into_iter().flat_map(|part| part.targets).collect(),
        })
    }

    fn workers(&self) -> Workers {
        Workers {
            total: self.house.posts.len(),
            accepting: self.accepting.load(Ordering::Relaxed),
            draining: self.draining.load(Ordering::Relaxed),
        }
    }
}

/// A purge as the workers take it.
fn orders(purge: &Purge) -> Vec<PurgeOrder> {
    let lists = [
        (&purge.tags, PurgeOrder::Tag as fn(String) -> PurgeOrder),
        (&purge.urls, PurgeOrder::Url),
        (&purge.hosts, PurgeOrder::Host),
        (&purge.prefixes, PurgeOrder::Prefix),
        (&purge.patterns, PurgeOrder::Pattern),
    ];
    let named = lists
        .into_iter()
        .flat_map(|(texts, order)| texts.iter().cloned().map(order));
    named.chain(purge.all.then_some(PurgeOrder::All)).collect()
}
