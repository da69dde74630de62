//! Requests that are made for the cache alone, and what becomes of them.

use serde::{Deserialize, Serialize};

/// A request that is to be made for the cache alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its URL, with scheme and host.
    pub url: String,
    /// Its fields, each a line such as `Accept: text/html`.
    #[serde(default)]
    pub headers: Vec<String>,
}

impl Target {
    /// A request for a URL, without any field.
    #[must_use]
    pub fn of(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
        }
    }
}

/// Requests that are to be made for the cache alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// The requests.
    pub targets: Vec<Target>,
    /// There are others besides.
    pub has_more: bool,
}

/// What became of a request that was made for the cache alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The status of its answer; 0 where there was none.
    pub status: u16,
    /// How it was answered, as `X-Cache` would say it; none where the cache was not asked.
    pub cache: Option<String>,
    /// What came was stored.
    pub stored: bool,
    /// Why it was refused, where it was.
    pub reason: Option<String>,
}

/// What a fetch has done for the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was stored already, and is fresh.
    Had,
    /// It is stored now.
    Stored,
    /// What was stored still holds.
    Validated,
    /// It came, and may not be stored.
    NotKept,
    /// No server could be asked: it may go better later.
    Unavailable,
    /// There is no good answer.
    Failed,
}

impl Fetched {
    /// What it has done for the cache.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (self.reason.as_deref(), self.cache.as_deref()) {
            (Some(reason), _) if is_passing(reason) => Effect::Unavailable,
            (Some("not_cached"), _) => Effect::NotKept,
            (Some(_), _) => Effect::Failed,
            (None, None) if self.status == 0 => Effect::Failed,
            _ if self.status >= 400 && !self.stored => Effect::Failed,
            (None, Some("HIT")) => Effect::Had,
            (None, Some("REVALIDATED")) => Effect::Validated,
            (None, Some("STALE" | "UPDATING")) => Effect::Unavailable,
            (None, _) if self.stored => Effect::Stored,
            (None, _) => Effect::NotKept,
        }
    }
}

/// Refusals for want of a server or of room on one, as `Reason` words them.
fn is_passing(reason: &str) -> bool {
    matches!(
        reason,
        "no_server"
            | "queue_full"
            | "queue_timeout"
            | "overload"
            | "connect_failed"
            | "connect_timeout"
            | "first_byte_timeout"
            | "upstream_reset"
    )
}

#[cfg(test)]
mod tests {
    use ringfence_http::Reason;

    use super::*;

    fn fetched(status: u16, cache: &str, stored: bool) -> Fetched {
        Fetched {
            status,
            cache: Some(cache.to_owned()),
            stored,
            ..Fetched::default()
        }
    }

    #[test]
    fn each_answer_has_an_effect() {
        for (fetched, effect) in [
            (fetched(200, "HIT", false), Effect::Had),
            (fetched(404, "HIT", false), Effect::Failed),
            (fetched(200, "MISS", true), Effect::Stored),
            (fetched(404, "MISS", true), Effect::Stored),
            (fetched(404, "MISS", false), Effect::Failed),
            (fetched(200, "EXPIRED", true), Effect::Stored),
            (fetched(200, "MISS", false), Effect::NotKept),
            (fetched(200, "REVALIDATED", true), Effect::Validated),
            (fetched(200, "STALE", false), Effect::Unavailable),
            (Fetched::default(), Effect::Failed),
        ] {
            assert_eq!(fetched.effect(), effect, "{fetched:?}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (reason, effect) in [
            (Reason::NoServer, Effect::Unavailable),
            (Reason::QueueFull, Effect::Unavailable),
            (Reason::QueueTimeout, Effect::Unavailable),
            (Reason::Overload, Effect::Unavailable),
            (Reason::ConnectFailed, Effect::Unavailable),
            (Reason::ConnectTimeout, Effect::Unavailable),
            (Reason::FirstByteTimeout, Effect::Unavailable),
            (Reason::UpstreamReset, Effect::Unavailable),
            (Reason::NotCached, Effect::NotKept),
            (Reason::NoRoute, Effect::Failed),
        ] {
            let refused = Fetched {
                status: reason.status(),
                reason: Some(reason.word().to_owned()),
                ..Fetched::default()
            };
            assert_eq!(refused.effect(), effect, "{reason:?}");
        }
    }
}
