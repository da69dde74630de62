//! What the control plane asks of the process that it runs in.

use crate::{explain::Explain, purge::Purge};
use ringfence_balance::Resolved;
use ringfence_telemetry::{Fetched, Target, Targets, explain::Explanation};

/// The process, as the control plane sees it.
///
/// Calls come from several threads and may overlap; signals may ask for the same, so it is the process that takes
/// changes one after another.
pub trait Host: Send + Sync + 'static {
    /// Loads the configuration again and lets it take over. May block.
    ///
    /// # Errors
    /// The text to show to whoever asked: why the new configuration was refused. The old one is still in force then.
    fn reload(&self) -> Result<String, String>;

    /// Begins a graceful stop and returns at once. A second call changes nothing.
    fn stop(&self);

    /// Takes new addresses of server names: the process builds a new roster and has the control plane adopt it. May
    /// block.
    fn resolved(&self, resolved: Resolved);

    /// Purges what is covered on every worker, and waits until it is done. May block.
    ///
    /// # Errors
    /// Why it is not done yet, for whoever asked. It is ordered all the same.
    fn purge(&self, purge: &Purge) -> Result<(), String>;

    /// Says what would become of a request, and has nothing come of it. May block.
    ///
    /// # Errors
    /// Why there is no answer, for whoever asked.
    fn explain(&self, question: &Explain) -> Result<Explanation, String>;

    /// Has a worker ask for something for its cache alone. `done` is told what became of it, or dropped where the process ends
    /// before. Must not block.
    fn fetch(&self, target: &Target, done: Box<dyn FnOnce(Fetched) + Send>);

    /// What is stored and was purged softly, or much of it, as requests that would have it validated. May block.
    ///
    /// # Errors
    /// Why there is no answer, for whoever asked.
    fn softly_purged(&self) -> Result<Targets, String>;

    /// What the workers are doing. Must not block.
    fn workers(&self) -> Workers;
}

/// What the workers are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Workers that the process was to start.
    pub total: usize,
    /// Those that accept connections now.
    pub accepting: usize,
    /// Whether the process is draining, on its way to its end.
    pub draining: bool,
}

impl Workers {
    /// Whether all of them accept, and go on doing so.
    pub(crate) fn are_accepting(self) -> bool {
        self.total > 0 && self.accepting == self.total && !self.draining
    }
}
