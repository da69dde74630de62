//! How far runs come: a test that never comes to a place says nothing of it.

use std::collections::BTreeMap;

use ringfence_http::Reason;
use ringfence_telemetry::WorkerStats;

/// How often runs came to the rarer places of the request path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach(BTreeMap<&'static str, u64>);

/// Refusals that runs must come to.
const REFUSALS: &[Reason] = &[
    Reason::BodyTooLarge,
    Reason::BodyTooShort,
    Reason::HeadTimeout,
    Reason::BodyTimeout,
    Reason::SlowClient,
    Reason::ClientGone,
    Reason::ConnectTimeout,
    Reason::FirstByteTimeout,
    Reason::BetweenBytesTimeout,
    Reason::RequestTimeout,
    Reason::ConnectFailed,
    Reason::UpstreamReset,
    Reason::UpstreamClosed,
    Reason::BadUpstreamHead,
    Reason::ResponseBodyTooShort,
    Reason::QueueTimeout,
    Reason::QueueFull,
    Reason::NoServer,
];

impl Reach {
    /// Adds what one worker has counted.
    pub(crate) fn count(&mut self, stats: &WorkerStats) {
        let counts = [
            ("reuse", stats.pool_hits.get()),
            ("reuse from the spill", stats.pool_spill_hits.get()),
            ("retry", stats.retries.get()),
            ("retry denied", stats.retries_denied.get()),
            ("connection shed", stats.connections_shed.get()),
        ];
        let refusals = REFUSALS
            .iter()
            .map(|reason| (reason.word(), stats.refusals(*reason)));
        for (what, often) in counts.into_iter().chain(refusals) {
            *self.0.entry(what).or_default() += often;
        }
    }

    /// Adds the bytes that one worker has passed on unseen.
    pub(crate) fn piped(&mut self, bytes: u64) {
        *self.0.entry("bytes passed on unseen").or_default() += bytes;
    }

    /// Adds that of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        for (what, often) in &other.0 {
            *self.0.entry(what).or_default() += often;
        }
    }

    /// Holds many runs together to having come to every place.
    pub(crate) fn assert_everywhere(&self) {
        let missed: Vec<_> = self.0.iter().filter(|(_, often)| **often == 0).collect();
        assert!(missed.is_empty(), "no run came to {missed:?}");
    }
}
