//! Where the blocks are handed out and found again at scrape.

use crate::stats::{CacheCounts, ControlStats, RouteStats, ServerStats, WorkerStats};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Routes or servers of earlier plans whose own series are kept; older ones are summed under [`RETIRED`].
const MAX_RETIRED: usize = 256;
/// The label under which the numbers of long-gone routes and servers live on.
pub(crate) const RETIRED: &str = "(retired)";

/// All blocks of the process.
///
/// A mutex guards the tables, not the numbers: it is taken when a plan is adopted and at scrape, never for a request.
#[derive(Debug, Default)]
pub struct Registry {
    tables: Mutex<Tables>,
    control: Arc<ControlStats>,
}

/// What the caches of all workers had to do with one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCache {
    /// Its requests, in the order of [`crate::CacheOutcomes::NAMES`].
    pub requests: CacheCounts,
    /// Its stored responses; one that several workers have counts for each.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Those that went to make room for others.
    pub evictions: u64,
}

impl RouteCache {
    fn sum<'a>(blocks: impl Iterator<Item = &'a RouteStats>) -> Self {
        blocks.fold(Self::default(), |sum, block| {
            let counts = block.cache.get();
            let [entries, bytes, evictions] = block.cached.get();
            Self {
                requests: std::array::from_fn(|ix| sum.requests[ix] + counts[ix]),
                entries: sum.entries + entries,
                bytes: sum.bytes + bytes,
                evictions: sum.evictions + evictions,
            }
        })
    }
}

/// The tables, by worker index inside each entry.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) workers: BTreeMap<usize, Arc<WorkerStats>>,
    pub(crate) routes: Table<Box<str>, RouteStats>,
    pub(crate) servers: Table<ServerName, ServerStats>,
}

/// A server's name in the metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerName {
    pub(crate) upstream: Box<str>,
    pub(crate) server: Box<str>,
}

impl ServerName {
    /// The name as labels.
    pub(crate) fn labels(&self) -> [(&str, &str); 2] {
        [("upstream", &self.upstream), ("server", &self.server)]
    }
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The block of a worker, made on the first call.
    #[must_use]
    pub fn worker(&self, worker: usize) -> Arc<WorkerStats> {
        self.tables().workers.entry(worker).or_default().clone()
    }

    /// The blocks of all workers, with their indices.
    #[must_use]
    pub fn workers(&self) -> Vec<(usize, Arc<WorkerStats>)> {
        let tables = self.tables();
        let workers = tables.workers.iter();
        workers.map(|(ix, stats)| (*ix, stats.clone())).collect()
    }

    /// A worker's block about a route, made on the first call. Blocks outlive reloads: the same name gives the same
    /// block.
    #[must_use]
    pub fn route(&self, worker: usize, route: &str) -> Arc<RouteStats> {
        self.tables().routes.block(&route.into(), worker)
    }

    /// What the caches had to do with each route, by its name. Of one without a cache there is nothing to tell.
    #[must_use]
    pub fn cache_by_route(&self) -> Vec<(Box<str>, RouteCache)> {
        let tables = self.tables();
        let routes = tables.cache_by_route();
        routes.map(|(name, cache)| (name.into(), cache)).collect()
    }

    /// A worker's block about a server of an upstream, made on the first call; as [`Registry::route`] otherwise.
    #[must_use]
    pub fn server(&self, worker: usize, upstream: &str, server: &str) -> Arc<ServerStats> {
        let name = ServerName {
            upstream: upstream.into(),
            server: server.into(),
        };
        self.tables().servers.block(&name, worker)
    }

    /// The control plane's block.
    #[must_use]
    pub fn control(&self) -> Arc<ControlStats> {
        self.control.clone()
    }

    /// Says which routes and servers (upstream, server) the plan in force has. The rest are kept for a while, as late
    /// requests may still count there, and in the end summed under one label, so that memory stays bounded over any
    /// number of reloads and no total falls. A name in parentheses stands for no route of a plan, and stays.
    pub fn retire(
        &self,
        is_live_route: impl Fn(&str) -> bool,
        is_live_server: impl Fn(&str, &str) -> bool,
    ) {
        let mut tables = self.tables();
        tables.routes.retire(
            |name| name.starts_with('(') || is_live_route(name),
            &RETIRED.into(),
            RouteStats::absorb,
        );
        let retired = ServerName {
            upstream: RETIRED.into(),
            server: RETIRED.into(),
        };
        tables.servers.retire(
            |name| is_live_server(&name.upstream, &name.server),
            &retired,
            ServerStats::absorb,
        );
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        // The tables are sound after a panic elsewhere: every change to them is one insertion or removal.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// As [`Registry::cache_by_route`].
    pub(crate) fn cache_by_route(&self) -> impl Iterator<Item = (&str, RouteCache)> {
        let sums = self
            .routes
            .iter()
            .map(|(route, blocks)| (&**route, RouteCache::sum(blocks)));
        sums.filter(|(_, sums)| *sums != RouteCache::default())
    }
}

/// Blocks by name, then by worker.
#[derive(Debug)]
pub(crate) struct Table<K, B> {
    entries: BTreeMap<K, BTreeMap<usize, Arc<B>>>,
    /// Names no longer in the plan, longest gone first.
    retired: VecDeque<K>,
}

impl<K, B> Default for Table<K, B> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            retired: VecDeque::new(),
        }
    }
}

impl<K: Ord + Clone, B: Default> Table<K, B> {
    /// The block of a name and worker, made if there is none.
    fn block(&mut self, name: &K, worker: usize) -> Arc<B> {
        if !self.entries.contains_key(name) {
            self.entries.insert(name.clone(), BTreeMap::new());
        }
        self.retired.retain(|gone| gone != name);
        let by_worker = self.entries.entry(name.clone()).or_default();
        by_worker.entry(worker).or_default().clone()
    }

    /// All entries in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, impl Iterator<Item = &B>)> {
        self.entries
            .iter()
            .map(|(name, by_worker)| (name, by_worker.values().map(Arc::as_ref)))
    }

    /// Marks the names that are not live, and sums those beyond the bound under `heir`.
    fn retire(&mut self, is_live: impl Fn(&K) -> bool, heir: &K, absorb: impl Fn(&B, &B)) {
        self.retired.retain(|name| !is_live(name));
        for name in self.entries.keys() {
            if name != heir && !is_live(name) && !self.retired.contains(name) {
                self.retired.push_back(name.clone());
            }
        }
        while self.retired.len() > MAX_RETIRED {
            let Some(blocks) = self
                .retired
                .pop_front()
                .and_then(|n| self.entries.remove(&n))
            else {
                continue;
            };
            let total = self.block(heir, 0);
            for block in blocks.values() {
                absorb(&total, block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_same_name_gives_the_same_block() {
        let registry = Registry::new();
        registry.worker(1).requests.inc();
        assert_eq!(registry.worker(1).requests.get(), 1);
        assert_eq!(registry.worker(0).requests.get(), 0);
        registry.route(0, "a").record(200, Duration::ZERO);
        assert_eq!(registry.route(0, "a").responses.get()[1], 1);
        assert_eq!(registry.route(1, "a").responses.get()[1], 0);
        registry.server(0, "up", "s").failures.inc();
        assert_eq!(registry.server(0, "up", "s").failures.get(), 1);
        assert_eq!(registry.server(0, "up2", "s").failures.get(), 0);
    }

    #[test]
    fn retired_names_are_bounded_and_their_totals_kept() {
        let registry = Registry::new();
        let rounds = MAX_RETIRED * 3;
        for round in 0..rounds {
            let name = format!("route-{round:04}");
            registry.route(0, "(none)").responses.record(404);
            registry.route(0, &name).record(200, Duration::ZERO);
            registry.server(1, &name, "s").record(503, Duration::ZERO);
            registry.retire(|live| live == name, |live, _| live == name);
        }
        let tables = registry.tables();
        // The live one, the retired ones, their heir, and the one that never retires.
        assert_eq!(tables.routes.entries.len(), MAX_RETIRED + 3);
        let total: u64 = tables
            .routes
            .iter()
            .flat_map(|(_, blocks)| {
                blocks
                    .map(|block| block.responses.get()[1])
                    .collect::<Vec<_>>()
            })
            .sum();
        assert_eq!(total, rounds as u64);
        let total: u64 = tables
            .servers
            .iter()
            .flat_map(|(_, blocks)| {
                blocks
                    .map(|block| block.responses.get()[4])
                    .collect::<Vec<_>>()
            })
            .sum();
        assert_eq!(total, rounds as u64);
    }

    #[test]
    fn a_name_that_returns_counts_on() {
        let registry = Registry::new();
        registry.route(0, "a").record(200, Duration::ZERO);
        registry.retire(|_| false, |_, _| false);
        assert_eq!(registry.tables().routes.retired.len(), 1);
        assert_eq!(registry.route(0, "a").responses.get()[1], 1);
        assert_eq!(registry.tables().routes.retired.len(), 0);
    }
}
