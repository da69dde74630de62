//! What an exchange wants of the cache, and what is reported of that.

use std::sync::Arc;
use std::time::Duration;

use ringfence_cache::{Object, RequestControl, ResponseControl};
use ringfence_http::{Name, write_decimal};
use ringfence_io::Lease;

use crate::cache::{Aside, Claim, SharedKey};

/// How a request on a route with a cache was served, as `X-Cache` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Hit,
    Miss,
    /// Stale, since the origin failed, or the client takes it.
    Stale,
    /// The cache had no part in it.
    Bypass,
    /// Stale, while it is asked for again.
    Updating,
    /// The origin said that what was stored still holds.
    Revalidated,
    /// What was stored was stale, and the origin sent another.
    Expired,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static [u8] {
        match self {
            Self::Hit => b"HIT",
            Self::Miss => b"MISS",
            Self::Stale => b"STALE",
            Self::Bypass => b"BYPASS",
            Self::Updating => b"UPDATING",
            Self::Revalidated => b"REVALIDATED",
            Self::Expired => b"EXPIRED",
        }
    }
}

/// What `Cache-Status` (RFC 9211) and `X-Cache` say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// Why the origin was asked, if it was (RFC 9211 section 2.2).
    pub(crate) forward: Option<&'static str>,
    /// The response was stored.
    pub(crate) stored: bool,
    /// The request waited for another's fetch.
    pub(crate) collapsed: bool,
    /// Seconds for which the response stays fresh; negative once it is stale.
    pub(crate) ttl: Option<i64>,
    /// What else there is to say of it: a word of ours.
    pub(crate) detail: Option<&'static str>,
}

impl Report {
    pub(crate) fn of(outcome: Outcome, forward: Option<&'static str>) -> Self {
        Self {
            outcome,
            forward,
            stored: false,
            collapsed: false,
            ttl: None,
            detail: None,
        }
    }

    /// Writes our member of `Cache-Status`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.forward {
            Some(why) => {
                out.extend_from_slice(b"ringfence; fwd=");
                out.extend_from_slice(why.as_bytes());
            }
            None => out.extend_from_slice(b"ringfence; hit"),
        }
        for (said, word) in [(self.stored, "; stored"), (self.collapsed, "; collapsed")] {
            if said {
                out.extend_from_slice(word.as_bytes());
            }
        }
        if let Some(ttl) = self.ttl {
            out.extend_from_slice(if ttl < 0 { b"; ttl=-" } else { b"; ttl=" });
            write_decimal(out, ttl.unsigned_abs());
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b"; detail=");
            out.extend_from_slice(detail.as_bytes());
        }
    }
}

/// What an exchange that goes to the origin wants of the cache.
pub(crate) struct Asked {
    pub(crate) report: Report,
    /// What its response is to be stored under, where that may be.
    pub(crate) fill: Option<Fill>,
}

/// A response that is to be stored.
pub(crate) struct Fill {
    pub(crate) key: SharedKey,
    pub(crate) claim: Option<Claim>,
    pub(crate) control: RequestControl,
    /// What is to be validated.
    pub(crate) old: Option<Old>,
    /// The process's count of purges before the origin was asked.
    pub(crate) generation: u64,
    /// When it was asked.
    pub(crate) began: Duration,
    pub(crate) recording: Option<Recording>,
}

/// A stored response that is stale, or has to be asked about.
#[derive(Clone)]
pub(crate) struct Old {
    pub(crate) object: Arc<Object>,
    /// It may be answered with where the origin answers with a failure of its own.
    pub(crate) if_error: bool,
    /// It may be answered with where the origin gives no answer.
    pub(crate) if_gone: bool,
}

/// A response on its way into the store.
pub(crate) struct Recording {
    /// The bytes of its head.
    pub(crate) head: Lease,
    /// What counts of its directives.
    pub(crate) control: ResponseControl,
    pub(crate) body: Vec<u8>,
    /// Bytes that it may have.
    pub(crate) most: usize,
    /// Bytes of the body that have been sent on.
    pub(crate) sent: usize,
    pub(crate) aside: Aside,
}

impl Recording {
    /// Whether so many bytes more can be recorded; makes room for them.
    pub(crate) fn has_room(&mut self, more: usize) -> bool {
        let needed = self.body.len() + more;
        if needed > self.most {
            return false;
        }
        let grown = needed.saturating_sub(self.body.capacity());
        if grown == 0 {
            return true;
        }
        // It is doubled as it grows, as far as it may.
        let grown = grown
            .max(self.body.capacity())
            .min(self.most - self.body.capacity());
        let widened = self.aside.widen(grown);
        if widened {
            self.body
                .reserve_exact(grown + self.body.capacity() - self.body.len());
        }
        widened
    }
}

impl Asked {
    /// Whether the request's field is not for the origin, since we ask for what can be stored: its conditions and ranges
    /// are for us to answer, from what comes.
    pub(crate) fn withholds(&self, id: Name) -> bool {
        self.fill.is_some()
            && matches!(
                id,
                Name::IfNoneMatch | Name::IfModifiedSince | Name::Range | Name::IfRange
            )
    }
}
