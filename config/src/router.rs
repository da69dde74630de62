//! From a request to its route.

mod build;
mod literals;
mod order;
pub mod params;
mod trie;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::matching::{HeaderMatch, HeaderTest, HostPattern, PathPattern, RouteId};
use crate::router::params::Params;
use crate::router::trie::{Candidates, Entry, Trie};

/// Finds the route of a request. The most specific route wins: an exact host before the longest wildcard before any
/// host; then an exact path before a pattern with parameters before the longest prefix; then, at one and the same
/// path, routes that ask for a method or a header before those that do not, in file order. Where a route's methods or
/// headers do not match, the next less specific one is tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Router {
    /// By host, lower case.
    exact: HashMap<Box<[u8]>, Trie>,
    /// By what follows the star and its dot.
    below: HashMap<Box<[u8]>, Trie>,
    any: Trie,
    /// By [`RouteId`].
    conditions: Vec<Conditions>,
    /// Every path of every route, in file order.
    paths: Vec<PathPattern>,
}

/// What the router looks at.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The effective authority as it came: any case, with or without a port or a final dot.
    pub host: &'a [u8],
    /// The normalised path, without the query; or `*`.
    pub path: &'a [u8],
    /// The method's text, case-sensitive.
    pub method: &'a [u8],
    /// Whether any line of a header field, asked for by its lower-case name, has a value that passes the test. Only
    /// called where a route asks for a header.
    pub header: &'a dyn Fn(&str, ValueTest<'_>) -> bool,
}

/// A test of one value of a header field.
pub type ValueTest<'t> = &'t dyn Fn(&[u8]) -> bool;

/// A route that takes the request, and the path by which it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The route.
    pub route: RouteId,
    path: u32,
}

/// Why no route takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// No route asks for such a request: 404.
    NoRoute,
    /// Some route would take it, but for the method: 405.
    MethodNotAllowed {
        /// The value of `Allow` (RFC 9110 10.2.1): the methods of those routes, sorted.
        allow: String,
    },
}

/// What a route asks beside host and path.
#[derive(Debug, Clone, PartialEq, Default)]
struct Conditions {
    methods: Vec<String>,
    headers: Vec<HeaderMatch>,
}

impl Router {
    /// The route that takes a request.
    ///
    /// # Errors
    /// [`Miss::NoRoute`] (404), or [`Miss::MethodNotAllowed`] (405) where only the method stood in the way.
    pub fn find(&self, query: &Query<'_>) -> Result<Found, Miss> {
        let mut lower = SmallVec::new();
        let host = match self.asks_for_hosts() {
            true => canonical_host(query.host, &mut lower),
            false => b"",
        };
        let mut runs = Candidates::new();
        for trie in self.tries(host) {
            trie.candidates(query.path, &mut runs);
            for run in &runs {
                let taken = |entry: &&Entry| {
                    !entry.special || self.conditions[entry.route.index()].hold(query)
                };
                if let Some(entry) = trie.entries(run).iter().find(taken) {
                    return Ok(Found {
                        route: entry.route,
                        path: entry.path,
                    });
                }
            }
        }
        Err(self.miss(host, query))
    }

    /// The parameters of a found route's path, as views into `path`, which must be the one that was routed.
    #[must_use]
    pub fn params<'a>(&'a self, found: Found, path: &'a [u8]) -> Params<'a> {
        Params::capture(&self.paths[found.path as usize], path)
    }

    /// The path pattern by which a route was found.
    #[must_use]
    pub fn path(&self, found: Found) -> &PathPattern {
        &self.paths[found.path as usize]
    }

    /// Whether it is of any consequence which host is asked for.
    fn asks_for_hosts(&self) -> bool {
        !(self.exact.is_empty() && self.below.is_empty())
    }

    /// The routes of a host, the most specific host first.
    fn tries<'a>(&'a self, host: &'a [u8]) -> impl Iterator<Item = &'a Trie> {
        let suffixes = if self.below.is_empty() { b"" } else { host };
        let below = suffixes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'.');
        let below = below.filter_map(|(dot, _)| self.below.get(&suffixes[dot + 1..]));
        let exact = if self.exact.is_empty() {
            None
        } else {
            self.exact.get(host)
        };
        exact
            .into_iter()
            .chain(below)
            .chain(std::iter::once(&self.any))
    }

    #[cold]
    fn miss(&self, host: &[u8], query: &Query<'_>) -> Miss {
        let mut methods: Vec<&str> = Vec::new();
        let mut runs = Candidates::new();
        for trie in self.tries(host) {
            trie.candidates(query.path, &mut runs);
            for run in &runs {
                let conditions = trie
                    .entries(run)
                    .iter()
                    .map(|entry| &self.conditions[entry.route.index()]);
                let but_for_the_method =
                    conditions.filter(|conditions| conditions.headers_hold(query));
                methods.extend(
                    but_for_the_method
                        .flat_map(|conditions| &conditions.methods)
                        .map(String::as_str),
                );
            }
        }
        if methods.is_empty() {
            return Miss::NoRoute;
        }
        methods.sort_unstable();
        methods.dedup();
        Miss::MethodNotAllowed {
            allow: methods.join(", "),
        }
    }
}

impl Conditions {
    fn hold(&self, query: &Query<'_>) -> bool {
        let method_holds = self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|method| method.as_bytes() == query.method);
        method_holds && self.headers_hold(query)
    }

    fn headers_hold(&self, query: &Query<'_>) -> bool {
        self.headers.iter().all(|header| {
            (query.header)(&header.name, &|found| match &header.test {
                HeaderTest::Present => true,
                HeaderTest::Exact(value) => value.as_bytes() == found,
            })
        })
    }
}

/// The hosts that a route may have that takes requests for this one, which is named as [`Query::host`] is: itself, and what
/// it is below. A route without hosts takes them too.
#[must_use]
pub fn patterns_of(authority: &str) -> Vec<HostPattern> {
    let mut lower = HostBuffer::new();
    let host = canonical_host(authority.as_bytes(), &mut lower);
    let text = String::from_utf8_lossy(host);
    let suffixes = text.match_indices('.').map(|(dot, _)| &text[dot + 1..]);
    let below = suffixes.map(|suffix| HostPattern::Below(suffix.to_owned()));
    std::iter::once(HostPattern::Exact(text.to_string()))
        .chain(below)
        .collect()
}

/// Where a host is lower-cased, mostly on the stack.
type HostBuffer = SmallVec<[u8; 64]>;

/// A DNS name has at most 253 bytes. A longer host is no route's, and would cost one look-up for each of its dots.
const LONGEST_HOST: usize = 253;

/// The host without port and final dot, in lower case; copied only where it has to change.
fn canonical_host<'a>(authority: &'a [u8], lower: &'a mut HostBuffer) -> &'a [u8] {
    let mut host = authority;
    let digits = host
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if let [before @ .., b':'] = &host[..host.len() - digits] {
        host = before;
    }
    host = host.strip_suffix(b".").unwrap_or(host);
    if host.len() > LONGEST_HOST {
        return b"";
    }
    if host.iter().any(u8::is_ascii_uppercase) {
        lower.extend_from_slice(host);
        lower.make_ascii_lowercase();
        host = lower;
    }
    host
}

#[cfg(test)]
mod tests;
