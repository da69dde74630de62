//! Routes: what is asked of a request, what is done with it, and under which limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::matching::Matcher;
use crate::plan::cache::CacheRules;
use crate::plan::compress::CompressRules;
use crate::plan::rewrite::Rewrite;
use crate::plan::tag::TagTemplate;
use crate::plan::template::Template;
use crate::plan::upstream::UpstreamId;
use crate::values::status::StatusSet;

/// A route, with upstream-wide and global settings already resolved into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name in logs and metrics; unique. Routes without one in the file are called after their place: `route-1`.
    pub name: String,
    /// What it asks of a request.
    pub matcher: Matcher,
    /// What is done with the request.
    pub action: Action,
    /// How the path is changed before it is forwarded; only with [`Action::Upstream`].
    pub rewrite: Option<Rewrite>,
    /// Changes to what the server gets.
    pub request_headers: HeaderEdits,
    /// Changes to what the client gets, also on redirects and fixed responses.
    pub response_headers: HeaderEdits,
    /// Time limits on the server's side.
    pub timeouts: RouteTimeouts,
    /// Bytes that a request body may have; past it, 413. `None` = no limit.
    pub max_body: Option<u64>,
    /// When a request is sent again.
    pub retry: Retry,
    /// What is kept of its responses, and for how long; `None` = nothing. Only with [`Action::Upstream`]. Shared, because
    /// what the cache does for a request may outlive the request.
    pub cache: Option<Arc<CacheRules>>,
    /// Tags of kept responses, of any route, that are purged whenever a request with an unsafe method (RFC 9110 9.2.1) is
    /// answered on this route with a status below 400. Only with [`Action::Upstream`], and also without [`Self::cache`].
    pub purges: Vec<TagTemplate>,
    /// Which of its responses are compressed, and how; `None` = none. Only with [`Action::Upstream`]. Shared, because a
    /// stored response may be compressed after the request that it was for.
    pub compress: Option<Arc<CompressRules>>,
}

/// What is done with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is balanced over an upstream.
    Upstream(UpstreamId),
    /// The client is sent elsewhere.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`.
        to: Template,
    },
    /// A fixed response.
    Respond {
        /// 200 to 599.
        status: u16,
        /// The body; empty where the status allows none.
        body: Bytes,
        /// The `Content-Type`; not sent with an empty body.
        content_type: String,
    },
}

/// Changes to header fields. Removals are done first, then `set`, then `add`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderEdits {
    /// Fields whose values are replaced by this one: lower-case name and value.
    pub set: Vec<(String, String)>,
    /// Fields that are added beside those that are there.
    pub add: Vec<(String, String)>,
    /// Lower-case names of fields that are removed.
    pub remove: Vec<String>,
}

impl HeaderEdits {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}

/// Time limits on the server's side of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// To connect to a server; past it, the next server or 504.
    pub connect: Duration,
    /// From the request's end to the response's first byte; past it, 504.
    pub first_byte: Duration,
    /// Between two pieces of the response; past it, the response is cut.
    pub between_bytes: Duration,
    /// The whole exchange, retries included; past it, 504 or a cut. `None` = no limit.
    pub request: Option<Duration>,
    /// How long a request waits for a server that has room; past it, 503.
    pub queue: Duration,
}

/// When a request is sent again, to another server. Only where it may be repeated: an idempotent method
/// (RFC 9110 9.2.2) or nothing of it sent yet; and only within the upstream's retry budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first; 0 = none.
    pub attempts: u32,
    /// Whether a failed or overdue connect is retried.
    pub connect: bool,
    /// Whether a connection that ends before the response's first byte is retried.
    pub reset: bool,
    /// Whether a first byte that does not come in time is retried.
    pub timeout: bool,
    /// Response statuses that are retried; empty = none.
    pub statuses: StatusSet,
    /// Bytes of a request body that are kept so that it can be sent again; a longer body is sent once.
    pub max_body: usize,
    /// The longest `Retry-After` that is waited out before a retry on a status; a longer one ends the retries, and the
    /// client gets the response.
    pub max_retry_after: Duration,
}
