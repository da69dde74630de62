//! Idle upstream connections: one pool a core, and the spill that all cores share.
//!
//! A core takes its own newest idle connection first, then one from the server's spill, and
//! only then connects. What a core holds beyond its share goes to the spill: pools kept wholly
//! apart reuse less.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use ringfence_balance::ServerId;
use ringfence_config::Pool as Policy;
use ringfence_io::{Socket, Stream};

/// Most idle connections that wait in one server's spill.
const SPILL_SLOTS: usize = 256;

/// An idle connection that this core leaves unused for so long is offered to the others.
const OFFER_AFTER: Duration = Duration::from_secs(1);

/// A connection to a server, on this core.
pub struct Link {
    /// The connection.
    pub stream: Rc<Stream>,
    /// When it was connected.
    pub born: Duration,
    /// Requests that it has carried, the present one included.
    pub requests: u32,
}

impl Link {
    /// A connection just made.
    pub fn fresh(stream: Stream, now: Duration) -> Self {
        Self {
            stream: Rc::new(stream),
            born: now,
            requests: 1,
        }
    }

    /// True when the connection carried a request before this one, so that the server may have
    /// closed it in the meantime.
    pub fn is_reused(&self) -> bool {
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
    socket: Socket,
    born: Duration,
    requests: u32,
    since: Duration,
}

/// One server's idle connections that any core may take; lock-free.
pub struct Spill(ArrayQueue<Parcel>);

impl Spill {
    /// Room for that many connections, within reason.
    pub fn new(slots: usize) -> Self {
        Self(ArrayQueue::new(slots.clamp(1, SPILL_SLOTS)))
    }
}

/// A server as the pool sees it.
#[derive(Clone, Copy)]
pub struct Berth<'a> {
    /// Which server.
    pub server: ServerId,
    /// Where other cores find its idle connections.
    pub spill: &'a Arc<Spill>,
    /// The upstream's settings.
    pub policy: &'a Policy,
}

/// Where a connection came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// This core's own pool.
    Own,
    /// The spill.
    Spill,
}

/// The idle connections of one core.
pub struct Pool {
    /// In order, so that what a sweep does follows from what came before it.
    servers: BTreeMap<ServerId, VecDeque<Idle>>,
    idle: usize,
    /// Most that are kept, whoever's they are.
    most: usize,
}

impl Pool {
    /// An empty pool that keeps at most `most` connections.
    pub fn new(most: usize) -> Self {
        Self {
            servers: BTreeMap::new(),
            idle: 0,
            most,
        }
    }

    /// The newest usable connection to `server`. Each is looked at first: one on which bytes wait
    /// that nobody asked for must not answer another client's request.
    pub fn take(&mut self, berth: &Berth<'_>, now: Duration) -> Option<(Link, Source)> {
        let Berth {
            server,
            spill,
            policy,
        } = *berth;
        while let Some(idle) = self.pop(server) {
            let rested = now.saturating_sub(idle.since);
            if rested < policy.idle_timeout
                && !idle.link.is_worn(policy, now)
                && idle.link.stream.looks_alive()
            {
                return Some((used_once_more(idle.link), Source::Own));
            }
        }
        while let Some(parcel) = spill.0.pop() {
            if let Some(link) = unpack(parcel, policy, now) {
                return Some((used_once_more(link), Source::Spill));
            }
        }
        None
    }

    /// Keeps a connection for later, or gives it to the spill when this core has its share of
    /// `room`; closes it when it is worn out or neither has room.
    pub fn put(&mut self, link: Link, berth: &Berth<'_>, room: usize, now: Duration) {
        let Berth {
            server,
            spill,
            policy,
        } = *berth;
        if room.min(self.most) == 0 || link.is_worn(policy, now) {
            return;
        }
        if self.idle >= self.most {
            self.close_oldest();
        }
        let waiting = self.servers.entry(server).or_default();
        if waiting.len() < room {
            link.stream.watch();
            waiting.push_back(Idle { link, since: now });
            self.idle += 1;
        } else {
            offer(Idle { link, since: now }, spill);
        }
    }

    /// Drops what has been idle for too long, and offers to other cores what this one does not
    /// use. `look_up` gives nothing for a server that has left.
    pub fn sweep<'a>(&mut self, now: Duration, look_up: impl Fn(ServerId) -> Option<Berth<'a>>) {
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

    /// Closes the connection that has been idle longest, whoever's it is; false where there is none.
    pub fn close_oldest(&mut self) -> bool {
        let fronts = self.servers.iter();
        let oldest = fronts
            .filter_map(|(server, waiting)| Some((waiting.front()?.since, *server)))
            .min_by_key(|(since, _)| *since);
        let Some((_, server)) = oldest else {
            return false;
        };
        self.servers.get_mut(&server).and_then(VecDeque::pop_front);
        self.idle -= 1;
        true
    }

    /// Idle connections that this core holds.
    pub fn idle(&self) -> usize {
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
        if rested(&oldest) < berth.policy.idle_timeout && oldest.link.stream.looks_alive() {
            offer(oldest, berth.spill);
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

/// Closes one spilled connection; false where there is none.
pub(crate) fn close_spilled(spill: &Spill) -> bool {
    spill.0.pop().is_some()
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use ringfence_balance::ServerId;
    use ringfence_io::{RunOptions, run};

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const SERVER: ServerId = ServerId(7);

    fn policy() -> Policy {
        Policy {
            size: 8,
            idle_timeout: S(60),
            max_age: Some(S(600)),
            max_requests: Some(100),
        }
    }

    /// A link to a peer that the test holds.
    fn link(born: Duration) -> (Link, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (Link::fresh(Stream::attach(near.into()).unwrap(), born), far)
    }

    /// A spill that no test looks at.
    fn no_spill() -> Arc<Spill> {
        Arc::new(Spill::new(1))
    }

    fn on_a_core(test: impl FnOnce()) {
        run(&RunOptions::default(), async { test() }).unwrap();
    }

    #[test]
    fn the_newest_connection_is_used_first_and_counted() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), no_spill(), Pool::new(64));
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            let ((old, _a), (new, _b)) = (link(S(1)), link(S(2)));
            pool.put(old, &berth, 8, S(3));
            pool.put(new, &berth, 8, S(3));
            assert_eq!(pool.idle(), 2);
            let (taken, source) = pool.take(&berth, S(3)).unwrap();
            assert_eq!((taken.born, taken.requests, source), (S(2), 2, Source::Own));
            assert!(taken.is_reused());
            assert_eq!(pool.idle(), 1);
        });
    }

    #[test]
    fn a_connection_that_the_server_closed_is_noticed() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), no_spill(), Pool::new(64));
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            let (gone, far) = link(S(1));
            pool.put(gone, &berth, 8, S(1));
            drop(far);
            assert!(pool.take(&berth, S(1)).is_none());
            let (spoilt, mut far) = link(S(1));
            pool.put(spoilt, &berth, 8, S(1));
            std::io::Write::write_all(&mut far, b"HTTP/1.1 200 EVIL").unwrap();
            assert!(
                pool.take(&berth, S(1)).is_none(),
                "bytes wait on it that nobody asked for"
            );
        });
    }

    #[test]
    fn worn_and_expired_connections_are_not_used() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), no_spill(), Pool::new(64));
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            let (aged, _a) = link(S(1));
            pool.put(aged, &berth, 8, S(601));
            assert_eq!(pool.idle(), 0, "too old to be kept");
            let (idle, _b) = link(S(601));
            pool.put(idle, &berth, 8, S(601));
            assert!(pool.take(&berth, S(661)).is_none(), "idle for too long");
            let (mut busy, _c) = link(S(601));
            busy.requests = 100;
            pool.put(busy, &berth, 8, S(601));
            assert_eq!(pool.idle(), 0, "it has carried all that it may");
        });
    }

    #[test]
    fn what_one_core_cannot_hold_another_takes_from_the_spill() {
        let (policy, spill) = (policy(), Arc::new(Spill::new(8)));
        let fars: Vec<UnixStream> = std::thread::scope(|scope| {
            let giver = scope.spawn(|| {
                let mut fars = Vec::new();
                on_a_core(|| {
                    let mut pool = Pool::new(64);
                    let berth = Berth {
                        server: SERVER,
                        spill: &spill,
                        policy: &policy,
                    };
                    for _ in 0..3 {
                        let (link, far) = link(S(1));
                        fars.push(far);
                        pool.put(link, &berth, 1, S(1));
                    }
                    assert_eq!(pool.idle(), 1);
                });
                fars
            });
            giver.join().unwrap()
        });
        on_a_core(|| {
            let mut pool = Pool::new(64);
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            for _ in 0..2 {
                assert_eq!(pool.take(&berth, S(2)).unwrap().1, Source::Spill);
            }
            assert!(pool.take(&berth, S(2)).is_none());
        });
        drop(fars);
    }

    #[test]
    fn a_sweep_offers_what_is_not_used_and_closes_what_nobody_wants() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), Arc::new(Spill::new(8)), Pool::new(64));
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            let (idle, _far) = link(S(1));
            pool.put(idle, &berth, 8, S(1));
            pool.sweep(S(1), |_| Some(berth));
            assert_eq!((pool.idle(), spill.0.len()), (1, 0));
            pool.sweep(S(3), |_| Some(berth));
            assert_eq!((pool.idle(), spill.0.len()), (0, 1));
            expire(&spill, &policy, S(61));
            assert_eq!(spill.0.len(), 0);
        });
    }

    #[test]
    fn the_oldest_is_closed_where_descriptors_are_short() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), Arc::new(Spill::new(8)), Pool::new(64));
            let berth = |server| Berth {
                server: ServerId(server),
                spill: &spill,
                policy: &policy,
            };
            let ((old, _a), (new, _b)) = (link(S(1)), link(S(1)));
            pool.put(old, &berth(1), 8, S(1));
            pool.put(new, &berth(2), 8, S(2));
            assert!(pool.close_oldest());
            assert!(pool.take(&berth(1), S(2)).is_none());
            assert!(pool.take(&berth(2), S(2)).is_some());
            assert!(!pool.close_oldest() && !close_spilled(&spill));
        });
    }

    #[test]
    fn a_full_pool_keeps_the_newest() {
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), no_spill(), Pool::new(2));
            let berth = |server| Berth {
                server: ServerId(server),
                spill: &spill,
                policy: &policy,
            };
            let mut fars = Vec::new();
            for server in 1..=3 {
                let (link, far) = link(S(1));
                fars.push(far);
                pool.put(link, &berth(server), 8, S(server));
            }
            assert_eq!(pool.idle(), 2);
            assert!(pool.take(&berth(1), S(4)).is_none());
            assert!(pool.take(&berth(2), S(4)).is_some() && pool.take(&berth(3), S(4)).is_some());
        });
    }

    #[test]
    fn the_connections_of_a_server_that_left_are_closed() {
        let mut kept = None;
        on_a_core(|| {
            let (policy, spill, mut pool) = (policy(), no_spill(), Pool::new(64));
            let berth = Berth {
                server: SERVER,
                spill: &spill,
                policy: &policy,
            };
            let (idle, far) = link(S(1));
            kept = Some(far);
            pool.put(idle, &berth, 8, S(1));
            pool.sweep(S(1), |_| None);
            assert_eq!(pool.idle(), 0);
        });
        let far = kept.unwrap();
        far.set_read_timeout(Some(S(10))).unwrap();
        let read = std::io::Read::read(&mut &far, &mut [0]).unwrap();
        assert_eq!(read, 0, "the far end sees it closed");
    }
}
