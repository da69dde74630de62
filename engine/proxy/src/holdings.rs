//! What a core's cache holds of each route's responses, for the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use ringfence_balance::hash_key;
use ringfence_cache::{Holdings, Store, Stored};
use ringfence_config::{Plan, RouteId};
use ringfence_telemetry::RouteStats;

/// The routes of a plan, as their stored responses are counted. A route is known by its name: what is stored stays its own
/// over a reload that changes it.
pub(crate) struct Holders {
    /// The group of each route's responses, by its id.
    groups: Vec<u64>,
    /// One block a group.
    blocks: HashMap<u64, Arc<RouteStats>>,
    /// For what is stored of routes that are gone.
    gone: Arc<RouteStats>,
}

impl Holders {
    /// Those of a plan, with the block of each route by its id.
    pub(crate) fn new(plan: &Plan, routes: &[Arc<RouteStats>], gone: Arc<RouteStats>) -> Self {
        let names = plan.routes.iter().map(|route| route.name.as_bytes());
        let groups: Vec<_> = names.map(hash_key).collect();
        let blocks = groups.iter().copied().zip(routes.iter().cloned());
        Self {
            blocks: blocks.collect(),
            groups,
            gone,
        }
    }

    /// The group of a route's responses.
    pub(crate) fn group(&self, route: RouteId) -> u64 {
        self.groups[route.index()]
    }

    /// Has the metrics tell what is stored of each route.
    pub(crate) fn report<V: Stored>(&self, store: &mut Store<V>) {
        let mut held: HashMap<u64, Holdings> = HashMap::new();
        let mut of_gone = Holdings::default();
        store.tell_groups(|group, of_group| match self.blocks.contains_key(&group) {
            true => drop(held.insert(group, of_group)),
            false => {
                of_gone.entries += of_group.entries;
                of_gone.bytes += of_group.bytes;
                of_gone.evictions += of_group.evictions;
            }
        });
        for (group, block) in &self.blocks {
            tell(block, held.get(group).copied().unwrap_or_default());
        }
        tell(&self.gone, of_gone);
    }

    /// Has the metrics tell that nothing is stored of routes that `next` does not have: what there is of them is told as of
    /// none, from its first report on.
    pub(crate) fn leave(&self, next: &Self) {
        for (group, block) in &self.blocks {
            if !next.blocks.contains_key(group) {
                tell(block, Holdings::default());
            }
        }
    }
}

fn tell(block: &RouteStats, held: Holdings) {
    block.cached.entries.set(held.entries as u64);
    block.cached.bytes.set(held.bytes as u64);
    block.cached.evictions.add(held.evictions);
}

#[cfg(test)]
mod tests {
    use ringfence_cache::Key;
    use ringfence_config::Overrides;

    use super::*;

    /// One that is of a group and nothing else.
    struct Of(u64);

    impl Stored for Of {
        fn weight(&self) -> usize {
            900
        }
        fn generation(&self) -> u64 {
            0
        }
        fn tags(&self) -> &[u64] {
            &[]
        }
        fn group(&self) -> u64 {
            self.0
        }
    }

    fn block() -> Arc<RouteStats> {
        Arc::default()
    }

    fn plan(routes: &[&str]) -> Plan {
        let mut file =
            "[[listener]]\naddress = \"127.0.0.1:1\"\n[upstream.a]\nservers = [\"127.0.0.1:2\"]\n"
                .to_owned();
        for name in routes {
            file +=
                &format!("[[route]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"a\"\n");
        }
        Plan::load(&file, "test", &|_| None, &Overrides::default()).expect("a test's own file")
    }

    fn insert(store: &mut Store<Of>, numbers: std::ops::Range<u64>, group: u64) {
        for number in numbers {
            let key = Key {
                hash: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                bytes: &number.to_le_bytes(),
            };
            store.insert(key, Of(group), |_| true).expect("it fits");
        }
    }

    #[test]
    fn what_is_stored_stays_its_routes_over_reloads() {
        let [a, b, c, gone] = [(); 4].map(|()| block());
        let old = Holders::new(&plan(&["a", "b"]), &[a.clone(), b.clone()], gone.clone());
        let mut store = Store::new(1 << 20);
        insert(&mut store, 0..3, old.groups[0]);
        insert(&mut store, 3..5, old.groups[1]);
        old.report(&mut store);
        let entries = |blocks: [&Arc<RouteStats>; 4]| blocks.map(|block| block.cached.get()[0]);
        assert_eq!(entries([&a, &b, &c, &gone]), [3, 2, 0, 0]);
        let each = a.cached.get()[1] / 3;
        assert_eq!(b.cached.get()[1], 2 * each);

        let next = Holders::new(&plan(&["c", "b"]), &[c.clone(), b.clone()], gone.clone());
        old.leave(&next);
        next.report(&mut store);
        assert_eq!(entries([&a, &b, &c, &gone]), [0, 2, 0, 3]);

        next.leave(&old);
        old.report(&mut store);
        assert_eq!(entries([&a, &b, &c, &gone]), [3, 2, 0, 0]);
    }

    #[test]
    fn evictions_are_told_once() {
        let [a, gone] = [(); 2].map(|()| block());
        let holders = Holders::new(&plan(&["a"]), std::slice::from_ref(&a), gone);
        let mut store = Store::new(1 << 20);
        insert(&mut store, 0..3_000, holders.groups[0]);
        holders.report(&mut store);
        holders.report(&mut store);
        let [entries, bytes, evictions] = a.cached.get();
        assert_eq!(evictions, store.stats().evictions);
        assert_eq!(entries + evictions, 3_000);
        assert!(bytes > 900 * entries && bytes <= store.bytes() as u64);
    }
}
