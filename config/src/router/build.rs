//! Making a router of the routes' matchers.

use crate::matching::{HostPattern, Matcher, RouteId};
use crate::router::order::compare;
use crate::router::trie::{Entry, Trie};
use crate::router::{Conditions, Router};

impl Router {
    /// A router over these matchers; a matcher's place is its [`RouteId`].
    pub(crate) fn build<'a>(matchers: impl Iterator<Item = &'a Matcher>) -> Self {
        let mut router = Self::default();
        let mut places = Vec::new();
        for (route, matcher) in (0..).map(RouteId).zip(matchers) {
            let special = !matcher.methods.is_empty() || !matcher.headers.is_empty();
            router.conditions.push(Conditions {
                methods: matcher.methods.clone(),
                headers: matcher.headers.clone(),
            });
            for path in &matcher.paths {
                let place =
                    u32::try_from(router.paths.len()).expect("limits bound the number of paths");
                router.paths.push(path.clone());
                let entry = Entry {
                    route,
                    special,
                    path: place,
                };
                if matcher.hosts.is_empty() {
                    places.push((None, entry));
                }
                places.extend(matcher.hosts.iter().map(|host| (Some(host), entry)));
            }
        }
        router.sort(&mut places);
        for (host, entry) in places {
            let path = router.paths[entry.path as usize].clone();
            router.trie(host).push(&path.segments, path.open, entry);
        }
        router
    }

    /// Puts entries into the order in which they are tried; the hosts' tries are apart, so only paths and conditions count.
    fn sort(&self, places: &mut [(Option<&HostPattern>, Entry)]) {
        let path = |entry: &Entry| &self.paths[entry.path as usize];
        places.sort_by(|(_, a), (_, b)| {
            compare(path(a), path(b))
                .then_with(|| b.special.cmp(&a.special))
                .then_with(|| a.path.cmp(&b.path))
        });
    }

    fn trie(&mut self, host: Option<&HostPattern>) -> &mut Trie {
        match host {
            None => &mut self.any,
            Some(HostPattern::Exact(host)) => self.exact.entry(host.as_bytes().into()).or_default(),
            Some(HostPattern::Below(suffix)) => {
                self.below.entry(suffix.as_bytes().into()).or_default()
            }
        }
    }
}
