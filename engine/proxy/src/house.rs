//! All that cores share, and what the control side tells a worker.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::time::Duration;

use ringfence_balance::{Limit, Roster, ServerId};
use ringfence_config::Plan;
use ringfence_io::{ListenSocket, Mailbox, Postbox};
use ringfence_telemetry::{LogQueue, Registry, Targets};
use siphasher::sip::SipHasher13;

use crate::note::CacheNote;
use crate::pool::{Spill, close_spilled, expire};
use crate::question::{Errand, Question};

/// What one worker is started with.
pub struct WorkerSeed {
    /// Index of the worker, from 0.
    pub index: usize,
    /// The listeners that it serves from the start.
    pub listeners: Vec<ListenSocket>,
    /// The plan that it serves from the start.
    pub adoption: Arc<Adoption>,
    /// Where the control side and the other workers leave it orders.
    pub orders: Mailbox<Order>,
    /// What it shares with the other workers.
    pub house: Arc<House>,
}

/// The named list of what cores share besides an [`Adoption`].
pub struct House {
    /// Metrics: one single-writer block a worker.
    pub registry: Arc<Registry>,
    /// One mailbox a worker, by its index.
    pub posts: Vec<Postbox<Order>>,
    /// One queue of access-log records a worker, by its index.
    pub logs: Vec<Arc<LogQueue>>,
    /// Most client connections that the limit on open descriptors leaves room for, whatever a plan says.
    pub most_clients: u32,
    /// Most idle connections to servers that each worker keeps, likewise.
    pub most_idle: usize,
    /// Most idle connections to servers that wait between the workers, likewise.
    pub most_spilled: usize,
    /// Client connections of all workers.
    pub clients: Limit,
    /// Hashes what is cached, so that no client can choose what collides.
    pub secret: HashSecret,
    /// Purges ordered so far.
    pub purges: AtomicU64,
}

impl House {
    /// The hash of a key, a tag or the like, which no client can foresee.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.secret.0.hash(bytes)
    }
}

/// What hashes of keys and tags follow from, beside the keys and tags.
pub struct HashSecret(SipHasher13);

impl HashSecret {
    /// That of sixteen bytes, which nobody outside may know.
    #[must_use]
    pub fn new(bytes: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(bytes))
    }
}

/// An instruction to one worker.
pub enum Order {
    /// Serve new requests by this plan; those under way keep the one they began with.
    Adopt(Arc<Adoption>),
    /// Accept on one more listener.
    Listen(ListenSocket),
    /// Stop accepting on the listener at this address; its connections live on.
    Unlisten(SocketAddr),
    /// Stop accepting, let requests finish for at most this long, then return from [`crate::work`].
    Drain(Duration),
    /// Say that all earlier orders have been carried out, and what could not be done since the last report.
    Report(Sender<Vec<String>>),
    /// A connection slot of this server came free on another worker.
    Wake(ServerId),
    /// Say what would become of a request.
    Explain(Question),
    /// Say what is stored and was purged softly.
    SoftlyPurged(Sender<Targets>),
    /// Ask for something for the cache alone.
    Fetch(Errand),
    /// Another worker's cache has something to say.
    Cache(CacheNote),
}

/// One plan with the servers that it resolved to; replaced whole by a reload or a name that
/// resolves anew.
pub struct Adoption {
    /// The validated configuration.
    pub plan: Arc<Plan>,
    /// The servers of each upstream, with their shared health.
    pub roster: Arc<Roster>,
    spills: HashMap<ServerId, Arc<Spill>>,
}

impl Adoption {
    /// Joins a plan and its roster, keeping the spilled connections of servers that stay. `most_spilled` is
    /// [`House::most_spilled`].
    pub fn new(
        plan: Arc<Plan>,
        roster: Arc<Roster>,
        most_spilled: usize,
        previous: Option<&Adoption>,
    ) -> Arc<Self> {
        let servers = || roster.groups.iter().flat_map(|group| &group.servers);
        let slots = most_spilled / servers().count().max(1);
        let mut spills = HashMap::new();
        for server in servers() {
            let kept = previous.and_then(|adoption| adoption.spills.get(&server.id).cloned());
            spills.insert(
                server.id,
                kept.unwrap_or_else(|| Arc::new(Spill::new(slots))),
            );
        }
        Arc::new(Self {
            plan,
            roster,
            spills,
        })
    }

    /// The queue of idle connections to `server`, which is in the roster, that any core may take from.
    pub(crate) fn spill(&self, server: ServerId) -> &Arc<Spill> {
        &self.spills[&server]
    }

    /// Closes one spilled connection, whoever's it is; false where there is none.
    pub(crate) fn close_spilled(&self) -> bool {
        self.spills.values().any(|spill| close_spilled(spill))
    }

    /// Closes spilled connections that have idled for too long; done by one worker.
    pub(crate) fn expire_spills(&self, now: Duration) {
        for group in &self.roster.groups {
            for server in &group.servers {
                expire(self.spill(server.id), &group.upstream.pool, now);
            }
        }
    }
}
