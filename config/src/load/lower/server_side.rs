//! Time limits, body limit and retries: written for all, for an upstream and for a route, the narrowest winning key by key.

use std::time::Duration;

use crate::file::client::Timeouts;
use crate::file::route::{Retry as WrittenRetry, RetryOn, RouteTimeouts as WrittenTimeouts};
use crate::file::shape::{OneOrMany, Or};
use crate::file::upstream::ServerTimeouts;
use crate::limits;
use crate::load::lower::client::in_memory;
use crate::load::lower::field::value;
use crate::load::report::Place;
use crate::plan::route::{Retry, RouteTimeouts};
use crate::values::amount::Size;
use crate::values::off::{Off, OrOff};
use crate::values::scalar::Scalar;
use crate::values::status::StatusSet;

/// What one level of the file says; `None` where it says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    between_bytes: Option<Duration>,
    request: Option<Option<Duration>>,
    pub(super) queue: Option<Duration>,
    max_body: Option<Option<u64>>,
    attempts: Option<u32>,
    on: Option<Vec<RetryOn>>,
    statuses: Option<StatusSet>,
    retry_body: Option<u64>,
    retry_after: Option<Duration>,
}

type MaxBody = Scalar<OrOff<Size>>;
type RetryField = Option<Or<Scalar<Off>, WrittenRetry>>;

/// What the whole file says.
pub(super) fn global(
    timeouts: &Timeouts,
    max_body: Option<&MaxBody>,
    retry: RetryField,
    root: &Place<'_>,
) -> Layer {
    let written = WrittenTimeouts {
        connect: timeouts.connect.clone(),
        first_byte: timeouts.first_byte.clone(),
        between_bytes: timeouts.between_bytes.clone(),
        request: timeouts.request.clone(),
        queue: None,
    };
    let mut layer = Layer::default();
    layer.read_timeouts(&written, &root.key("timeouts"));
    layer.read_max_body(max_body, &root.key("limits").key("max_body"));
    layer.read_retry(retry, &root.key("retry"));
    layer
}

/// What an upstream says.
pub(super) fn of_upstream(
    timeouts: Option<ServerTimeouts>,
    max_body: Option<&MaxBody>,
    retry: RetryField,
    at: &Place<'_>,
) -> Layer {
    let timeouts = timeouts.unwrap_or_default();
    let written = WrittenTimeouts {
        connect: timeouts.connect,
        first_byte: timeouts.first_byte,
        between_bytes: timeouts.between_bytes,
        request: timeouts.request,
        queue: None,
    };
    of_route(Some(written), max_body, retry, at)
}

/// What a route says.
pub(super) fn of_route(
    timeouts: Option<WrittenTimeouts>,
    max_body: Option<&MaxBody>,
    retry: RetryField,
    at: &Place<'_>,
) -> Layer {
    let mut layer = Layer::default();
    layer.read_timeouts(&timeouts.unwrap_or_default(), &at.key("timeouts"));
    layer.read_max_body(max_body, &at.key("max_body"));
    layer.read_retry(retry, &at.key("retry"));
    layer
}

impl Layer {
    /// This, and what is below where this says nothing.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            connect: self.connect.or(below.connect),
            first_byte: self.first_byte.or(below.first_byte),
            between_bytes: self.between_bytes.or(below.between_bytes),
            request: self.request.or(below.request),
            queue: self.queue.or(below.queue),
            max_body: self.max_body.or(below.max_body),
            attempts: self.attempts.or(below.attempts),
            on: self.on.or_else(|| below.on.clone()),
            statuses: self.statuses.or_else(|| below.statuses.clone()),
            retry_body: self.retry_body.or(below.retry_body),
            retry_after: self.retry_after.or(below.retry_after),
        }
    }

    /// The body limit alone: nothing else matters where no server is asked.
    pub(super) fn only_max_body(&self) -> Self {
        Self {
            max_body: self.max_body,
            ..Self::default()
        }
    }

    /// The time limits, with defaults where nothing is said.
    pub(super) fn timeouts(&self) -> RouteTimeouts {
        RouteTimeouts {
            connect: self.connect.unwrap_or(limits::CONNECT_TIMEOUT.default),
            first_byte: self.first_byte.unwrap_or(limits::FIRST_BYTE.default),
            between_bytes: self.between_bytes.unwrap_or(limits::BETWEEN_BYTES.default),
            request: self.request.flatten(),
            queue: self.queue.unwrap_or(limits::QUEUE_TIMEOUT.default),
        }
    }

    /// The body limit; none by default.
    pub(super) fn max_body(&self) -> Option<u64> {
        self.max_body.flatten()
    }

    /// The retries, with defaults where nothing is said.
    pub(super) fn retry(&self) -> Retry {
        let has = |cause, default| self.on.as_ref().map_or(default, |on| on.contains(&cause));
        Retry {
            attempts: self.attempts.unwrap_or(limits::RETRY_ATTEMPTS.default),
            connect: has(RetryOn::Connect, true),
            reset: has(RetryOn::Reset, true),
            timeout: has(RetryOn::Timeout, false),
            statuses: self.statuses.clone().unwrap_or_default(),
            max_body: in_memory(self.retry_body.unwrap_or(limits::RETRY_BODY.default)),
            max_retry_after: self.retry_after.unwrap_or(limits::RETRY_AFTER.default),
        }
    }

    fn read_timeouts(&mut self, file: &WrittenTimeouts, at: &Place<'_>) {
        self.connect = at
            .key("connect")
            .within(value(&file.connect), &limits::CONNECT_TIMEOUT);
        self.first_byte = at
            .key("first_byte")
            .within(value(&file.first_byte), &limits::FIRST_BYTE);
        self.between_bytes = at
            .key("between_bytes")
            .within(value(&file.between_bytes), &limits::BETWEEN_BYTES);
        self.queue = at
            .key("queue")
            .within(value(&file.queue), &limits::QUEUE_TIMEOUT);
        self.request = value(&file.request).map(|request| {
            at.key("request")
                .within(request.into_option(), &limits::REQUEST_TIMEOUT)
        });
    }

    fn read_max_body(&mut self, file: Option<&MaxBody>, at: &Place<'_>) {
        let size = |size: &MaxBody| size.0.clone().into_option().map(|size| size.0);
        self.max_body = file.map(|file| at.within(size(file), &limits::MAX_BODY));
    }

    fn read_retry(&mut self, file: RetryField, at: &Place<'_>) {
        let file = match file {
            None => return,
            Some(Or::Short(_)) => {
                self.attempts = Some(0);
                return;
            }
            Some(Or::Table(file)) => file,
        };
        self.attempts = at
            .key("attempts")
            .within(value(&file.attempts), &limits::RETRY_ATTEMPTS);
        self.on = file.on.map(|on| on.0.into_iter().map(|on| on.0).collect());
        self.statuses = file.statuses.map(statuses);
        self.retry_body = at.key("max_body").within(
            value(&file.max_body).map(|size| size.0),
            &limits::RETRY_BODY,
        );
        self.retry_after = at
            .key("max_retry_after")
            .within(value(&file.max_retry_after), &limits::RETRY_AFTER);
    }
}

/// Several sets as one.
pub(super) fn statuses(sets: OneOrMany<Scalar<StatusSet>>) -> StatusSet {
    StatusSet(sets.0.into_iter().flat_map(|set| set.0.0).collect())
}
