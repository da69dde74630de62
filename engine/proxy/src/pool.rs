//! Idle upstream connections: one pool a core, and the spill that all cores share.
//!
//! A core takes its own newest idle connection first, then one from the server's spill, and
//! only then connects. What a core holds beyond its share goes to the spill: pools kept wholly
//! apart reuse less.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use ringfence_balance::ServerId;
use ringfence_config::Pool as Policy;
use ringfence_io::Stream;

/// Most idle connections that wait in one server's spill.
const SPILL_SLOTS: usize = 256;

/// A connection idle for longer than this is looked at before it is used; a younger one is
/// trusted where the request may be repeated.
const TRUSTED_FOR: Duration = Duration::from_millis(20);

/// An idle connection that this core leaves unused for so long is offered to the others.
const OFFER_AFTER: Duration = Duration::from_secs(1);

/// A connection to a server, on this core.
pub(crate) struct Link {
    pub(crate) stream: Rc<Stream>,
    /// When it was connected.
    pub(crate) born: Duration,
    /// Requests that it has carried, the present one included.
    pub(crate) requests: u32,
}

impl Link {
    /// A connection just made.
    pub(crate) fn fresh(stream: Stream, now: Duration) -> Self {
        Self {
            stream: Rc::new(stream),
            born: now,
            requests: 1,
        }
    }

    /// True when the connection carried a request before this one, so that the server may have
    /// closed it in the meantime.
    pub(crate) fn is_reused(&self) -> bool {
        self.requests > 1
    }

    fn is_worn(&self, policy: &Policy, now: Duration) -> bool {
        policy
            .max_age
            .is_some_and(|limit| now.saturating_sub(self.born) >= limit)
            || policy
                .max_requests
                .is_some_and(|limit| self.requests >= limit)
    }
}

struct Idle {
    link: Link,
    since: Duration,
}

/// A connection on its way between cores.
struct Parcel {
    socket: OwnedFd,
    born: Duration,
    requests: u32,
    since: Duration,
}

/// One server's idle connections that any core may take; lock-free.
pub(crate) struct Spill(ArrayQueue<Parcel>);

impl Default for Spill {
    fn default() -> Self {
        Self(ArrayQueue::new(SPILL_SLOTS))
    }
}

/// A server as the pool sees it.
#[derive(Clone, Copy)]
pub(crate) struct Berth<'a> {
    pub(crate) server: ServerId,
    /// Where other cores find its idle connections; none once it has left the plan.
    pub(crate) spill: Option<&'a Arc<Spill>>,
    pub(crate) policy: &'a Policy,
}

/// Where a connection came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// This core's own pool.
    Own,
    /// The spill.
    Spill,
}

/// The idle connections of one core.
#[derive(Default)]
pub(crate) struct Pool {
    servers: HashMap<ServerId, VecDeque<Idle>>,
    idle: usize,
}

impl Pool {
    /// The newest usable connection to `server`. `careful` looks at every candidate before it
    /// is handed out, for a request that may not be repeated.
    pub(crate) fn take(
        &mut self,
        berth: &Berth<'_>,
        careful: bool,
        now: Duration,
    ) -> Option<(Link, Source)> {
        let Berth {
            server,
            spill,
            policy,
        } = *berth;
        while let Some(idle) = self.pop(server) {
            let rested = now.saturating_sub(idle.since);
            if rested < policy.idle_timeout
                && !idle.link.is_worn(policy, now)
                && ((!careful && rested < TRUSTED_FOR) || idle.link.stream.looks_alive())
            {
                return Some((used_once_more(idle.link), Source::Own));
            }
        }
        let spill = spill?;
        while let Some(parcel) = spill.0.pop() {
            if let Some(link) = unpack(parcel, policy, now) {
                return Some((used_once_more(link), Source::Spill));
            }
        }
        None
    }

    /// Keeps a connection for later, or gives it to the spill when this core has its share of
    /// `room`; closes it when it is worn out or neither has room.
    pub(crate) fn put(&mut self, link: Link, berth: &Berth<'_>, room: usize, now: Duration) {
        let Berth {
            server,
            spill,
            policy,
        } = *berth;
        if room == 0 || link.is_worn(policy, now) {
            return;
        }
        let waiting = self.servers.entry(server).or_default();
        if waiting.len() < room {
            waiting.push_back(Idle { link, since: now });
            self.idle += 1;
        } else if let Some(spill) = spill {
            offer(Idle { link, since: now }, spill);
        }
    }

    /// Drops what has been idle for too long, and offers to other cores what this one does not
    /// use. `look_up` gives nothing for a server that has left.
    pub(crate) fn sweep<'a>(
        &mut self,
        now: Duration,
        look_up: impl Fn(ServerId) -> Option<Berth<'a>>,
    ) {
        let mut kept = 0;
        self.servers.retain(|server, waiting| {
            let Some(berth) = look_up(*server) else {
                return false;
            };
            retire(waiting, &berth, now);
            kept += waiting.len();
            !waiting.is_empty()
        });
        self.idle = kept;
    }

    /// Idle connections that this core holds.
    pub(crate) fn idle(&self) -> usize {
        self.idle
    }

    fn pop(&mut self, server: ServerId) -> Option<Idle> {
        let idle = self.servers.get_mut(&server)?.pop_back()?;
        self.idle -= 1;
        Some(idle)
    }
}

/// Takes out the connections that have rested for too long: into the spill, or closed.
fn retire(waiting: &mut VecDeque<Idle>, berth: &Berth<'_>, now: Duration) {
    let rested = |idle: &Idle| now.saturating_sub(idle.since);
    while let Some(oldest) =
        waiting.pop_front_if(|idle| rested(idle) >= OFFER_AFTER.min(berth.policy.idle_timeout))
    {
        if let Some(spill) = berth.spill
            && rested(&oldest) < berth.policy.idle_timeout
            && oldest.link.stream.looks_alive()
        {
            offer(oldest, spill);
        }
    }
}

fn used_once_more(mut link: Link) -> Link {
    link.requests += 1;
    link
}

fn offer(idle: Idle, spill: &Spill) {
    let Link {
        stream,
        born,
        requests,
    } = idle.link;
    let Ok(stream) = Rc::try_unwrap(stream) else {
        return;
    };
    let Ok(socket) = stream.detach() else { return };
    let parcel = Parcel {
        socket,
        born,
        requests,
        since: idle.since,
    };
    // A full spill closes the connection: the parcel comes back and is dropped.
    drop(spill.0.push(parcel));
}

fn unpack(parcel: Parcel, policy: &Policy, now: Duration) -> Option<Link> {
    if now.saturating_sub(parcel.since) >= policy.idle_timeout {
        return None;
    }
    let stream = Stream::attach(parcel.socket).ok()?;
    let link = Link {
        stream: Rc::new(stream),
        born: parcel.born,
        requests: parcel.requests,
    };
    (!link.is_worn(policy, now) && link.stream.looks_alive()).then_some(link)
}

/// Closes spilled connections that nobody wanted in time; each is looked at once a call.
pub(crate) fn expire(spill: &Spill, policy: &Policy, now: Duration) {
    for _ in 0..spill.0.len() {
        let Some(parcel) = spill.0.pop() else { return };
        if now.saturating_sub(parcel.since) < policy.idle_timeout {
            drop(spill.0.push(parcel));
        }
    }
}
