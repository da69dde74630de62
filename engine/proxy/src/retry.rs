//! What follows from an attempt that failed: whether the request is sent to another server.

use std::time::Duration;

use ringfence_config::Retry;
use ringfence_http::{Fault, Name, Reason};
use ringfence_io::{now, sleep};

use crate::exchange::{Call, Exchange, Next, Station};
use crate::presence::unless_gone;
use crate::stations::keep;
use crate::upload::Ended;

/// Why an attempt came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// No connection to the server.
    Connect(Reason),
    /// The connection ended before a byte of the response came, by a reset or a close.
    Ended(Reason),
    /// It ended within the response's head, of which nothing was passed on.
    BrokenHead(Reason),
    /// The response's head is none that we accept.
    BadHead(Reason),
    /// No response in time.
    Late(Reason),
    /// The time for the whole request has passed, most of it before the server had the request.
    OutOfTime,
}

impl Cause {
    /// The cause that a malformed response head is.
    pub(crate) fn of_head(fault: Fault) -> Self {
        Self::BadHead(fault.from_upstream().reason)
    }

    /// What the client is told when there is no other attempt.
    fn reason(self) -> Reason {
        match self {
            Self::Connect(reason)
            | Self::Ended(reason)
            | Self::Late(reason)
            | Self::BrokenHead(reason)
            | Self::BadHead(reason) => reason,
            Self::OutOfTime => Reason::RequestTimeout,
        }
    }

    fn is_wanted(self, retry: &Retry) -> bool {
        match self {
            Self::Connect(_) => retry.connect,
            Self::Ended(_) | Self::BrokenHead(_) => retry.reset,
            Self::Late(reason) => retry.timeout && reason != Reason::RequestTimeout,
            Self::BadHead(_) | Self::OutOfTime => false,
        }
    }

    /// Nothing of the request can have reached the server.
    fn is_before_sending(self) -> bool {
        matches!(self, Self::Connect(_))
    }
}

/// How an attempt failed.
pub(crate) enum Failure {
    /// No final response's head came, or none that is good.
    NoAnswer(Cause),
    /// One came with a status that the route wants tried again, after this time.
    Again(Duration),
    /// It answered with a failure of its own, and what is stored stands in for that.
    Stale,
    /// The server cut its response off.
    Cut(Reason),
    /// It is the client's doing, or nobody's: who knows where the time for the whole exchange went.
    Client(Reason),
}

impl Failure {
    pub(crate) fn by_server(fault: Fault) -> Self {
        Self::Cut(fault.from_upstream().reason)
    }

    pub(crate) fn by_client(fault: Fault) -> Self {
        Self::Client(fault.reason)
    }
}

/// Goes on after an attempt that failed: to another server, to a response of our own, or to the end where
/// part of the server's has gone out.
pub(crate) async fn after(ex: &mut Exchange<'_>, call: Call, failure: Failure) -> Station {
    match failure {
        Failure::NoAnswer(cause) => unanswered(ex, call, cause),
        Failure::Again(wait) => again(ex, call, wait).await,
        Failure::Stale => {
            take_back(ex, &call);
            call.ticket.answered(ex.tally.status, ex.tally.latency());
            match keep::stand_in(ex, true) {
                Some(hit) => Station::Hit(hit),
                None => ex.refuse(Reason::UpstreamClosed),
            }
        }
        Failure::Cut(reason) => {
            take_back(ex, &call);
            call.ticket.failed();
            if ex.tally.answered {
                keep::give_up(ex);
            }
            broken_off(ex, reason)
        }
        Failure::Client(reason) => {
            take_back(ex, &call);
            drop(call);
            broken_off(ex, reason)
        }
    }
}

fn unanswered(ex: &mut Exchange<'_>, call: Call, cause: Cause) -> Station {
    let repeatable = is_repeatable(ex, &call);
    take_back(ex, &call);
    let Call { ticket, link, .. } = call;
    if cause == Cause::OutOfTime {
        return next(ex, cause, repeatable);
    }
    if !(matches!(cause, Cause::Ended(_)) && link.is_reused()) {
        ticket.failed();
        return next(ex, cause, repeatable);
    }
    // The server closed an idle connection just as we took it. That says nothing of its health,
    // and a fresh connection is not the load that the budget is there to prevent.
    if repeatable {
        ex.conn.worker.stats.redials.inc();
        return Station::Redial(ticket);
    }
    drop(ticket);
    next(ex, cause, repeatable)
}

fn broken_off(ex: &mut Exchange<'_>, reason: Reason) -> Station {
    if !ex.tally.answered {
        return ex.refuse(reason);
    }
    ex.tally.reason = Some(reason);
    Station::Finish(Next::Abort)
}

/// Goes on after a server could not be connected to.
pub(crate) fn after_connect(ex: &mut Exchange<'_>, reason: Reason) -> Station {
    next(ex, Cause::Connect(reason), true)
}

/// Lets a final response's head pass, unless the route wants its status tried again and that is possible: then the retry is
/// taken from the budget.
pub(crate) fn unless_wanted(ex: &Exchange<'_>, call: &Call, status: u16) -> Result<(), Failure> {
    if !ex.route().retry.statuses.contains(status) {
        return Ok(());
    }
    let Some(wait) = retry_after(ex, call) else {
        return Ok(());
    };
    let in_time = ex.expires.is_none_or(|end| now() + wait < end);
    if in_time && is_permitted(ex, true, is_repeatable(ex, call)) {
        return Err(Failure::Again(wait));
    }
    Ok(())
}

async fn again(ex: &mut Exchange<'_>, call: Call, wait: Duration) -> Station {
    take_back(ex, &call);
    // It did answer: what the status says of its health is for the ticket to judge.
    call.ticket.answered(ex.tally.status, ex.tally.latency());
    ex.tally.retries += 1;
    if !wait.is_zero() && unless_gone(&ex.conn.client, sleep(wait)).await.is_none() {
        return ex.refuse(Reason::ClientGone);
    }
    Station::Dial
}

fn next(ex: &mut Exchange<'_>, cause: Cause, repeatable: bool) -> Station {
    let wanted = cause.is_wanted(&ex.route().retry);
    if is_permitted(ex, wanted, repeatable || cause.is_before_sending()) {
        ex.tally.retries += 1;
        return Station::Dial;
    }
    ex.refuse(cause.reason())
}

/// Whether one more attempt, which is wanted and safe or not, is within the limits too; takes it from the budget.
fn is_permitted(ex: &Exchange<'_>, wanted: bool, safe: bool) -> bool {
    let few = ex.tally.retries < ex.route().retry.attempts;
    let in_time = ex.expires.is_none_or(|end| now() < end);
    if !(wanted && few && safe && in_time && ex.lane().has_other(&ex.tried)) {
        return false;
    }
    let stats = &ex.conn.worker.stats;
    if ex.lane().try_retry() {
        stats.retries.inc();
        true
    } else {
        stats.retries_denied.inc();
        false
    }
}

/// Whether the request could be sent once more with all of its body: it is idempotent (RFC 9110
/// section 9.2.2), or no server can have carried it out, since none of its body was sent.
fn is_repeatable(ex: &Exchange<'_>, call: &Call) -> bool {
    let whole = ex.rest.as_ref().is_none_or(|rest| rest.borrow().is_kept());
    let lost = call
        .upload
        .as_ref()
        .is_some_and(|upload| matches!(upload.ended(), Some(Ended::ClientFault(_))));
    whole && !lost && (ex.heads.request.method.is_idempotent() || ex.awaits_body())
}

/// How long the server asks us to wait before the next attempt; nothing when that is longer
/// than the route waits, or no number of seconds.
fn retry_after(ex: &Exchange<'_>, call: &Call) -> Option<Duration> {
    let Some(value) = ex.heads.response.get(&call.head, Name::RetryAfter) else {
        return Some(Duration::ZERO);
    };
    let seconds: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    let wait = Duration::from_secs(seconds);
    (wait <= ex.route().retry.max_retry_after).then_some(wait)
}

/// Ends the upload of a failed attempt; what it had not sent stays with the connection.
fn take_back(ex: &mut Exchange<'_>, call: &Call) {
    if let Some(upload) = &call.upload {
        ex.conn.pending = upload.take_leftover();
    }
}
