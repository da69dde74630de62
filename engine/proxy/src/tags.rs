//! The tags of responses, by which they are purged.

use ringfence_cache::{Head, KeyParts, split_url};
use ringfence_http::Name;
use ringfence_http::path::{Normal, normalise};
use ringfence_http::syntax::list_members;

use crate::cache::Cache;
use crate::exchange::Exchange;
use crate::tag::{self, any_of, counted, counts_apart, host, url};

/// Fields in which servers give tags: members of a list, or words.
pub(crate) const FIELDS: [Name; 3] = [Name::CacheTag, Name::SurrogateKey, Name::Xkey];

/// Tags that one response may have. One with more is not stored: it could not be purged by all of them.
const MOST: usize = 128;

/// Bytes that a tag may have.
const LONGEST: usize = 1 << 10;

/// The hash of a tag.
pub(crate) fn hash(cache: &Cache, tag: &[u8]) -> u64 {
    tag::given(&cache.house, tag)
}

/// The tags that all responses of a URL of the request's host have: of the URL itself, and of what of it counts on the route
/// where that is not all.
pub(crate) fn own_url(
    ex: &Exchange<'_>,
    path: &[u8],
    query: Option<&[u8]>,
) -> impl Iterator<Item = u64> + use<> {
    let house = &ex.conn.worker.house;
    let host = ex.heads.request.authority.of(&ex.bytes);
    let whole = url(house, host, path, query);
    let parts = KeyParts {
        path,
        query,
        ..ex.key_parts()
    };
    let rules = &ex.rules().key;
    let counted = counts_apart(rules).then(|| counted(house, &parts, rules));
    [Some(whole), counted].into_iter().flatten()
}

/// Whether the tags that a server gives a response are few and short enough to be kept.
pub(crate) fn fit(ex: &Exchange<'_>, response: Head<'_>) -> bool {
    let mut count = ex
        .route()
        .cache
        .as_ref()
        .map_or(0, |rules| rules.tags.len());
    given(response).all(|tag| {
        count += 1;
        count <= MOST && tag.len() <= LONGEST
    })
}

/// The tags of a response: those that its server gives it, the route's, its URL's and its host's.
pub(crate) fn of(ex: &Exchange<'_>, response: Head<'_>) -> Vec<u64> {
    let cache = &ex.conn.worker.cache;
    let query = ex.heads.request.query.map(|query| query.of(&ex.bytes));
    let name = ex.heads.request.authority.of(&ex.bytes);
    let mut tags = vec![host(&cache.house, name)];
    tags.extend(own_url(ex, ex.path(), query));
    if !ex.rules().key.host {
        tags.extend(any_of(&cache.house, &ex.route().matcher.hosts));
    }
    names(ex, response, |tag| tags.push(hash(cache, tag)));
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Gives the names of a response's tags, but for those of its URL and host: those that its server gives it, and the route's.
pub(crate) fn names(ex: &Exchange<'_>, response: Head<'_>, mut name: impl FnMut(&[u8])) {
    given(response).for_each(&mut name);
    let params = ex.params();
    let rules = ex.route().cache.as_ref();
    for template in rules.iter().flat_map(|rules| &rules.tags) {
        let mut text = Vec::new();
        template.render(&params, &mut text);
        name(&text);
    }
}

/// Tags that a server gives a response.
fn given(response: Head<'_>) -> impl Iterator<Item = &[u8]> {
    let lines = FIELDS.iter().flat_map(move |name| response.values(*name));
    let words = lines
        .flat_map(list_members)
        .flat_map(|member| member.split(|byte| matches!(byte, b' ' | b'\t')));
    words.filter(|word| !word.is_empty())
}

/// The URLs of the same origin that a response to an unsafe request names (RFC 9111 section 4.4).
pub(crate) fn named(ex: &Exchange<'_>, response: Head<'_>) -> Vec<u64> {
    let location = response.value(Name::Location);
    let content = response.value(Name::ContentLocation);
    let mut found = Vec::new();
    for target in [location, content].into_iter().flatten() {
        if let Some((path, query)) = same_origin(ex, target) {
            found.extend(own_url(ex, &path, query));
        }
    }
    found
}

/// The path and query of a reference, resolved (RFC 3986 section 5.2), where it is on the request's own origin.
fn same_origin<'t>(ex: &Exchange<'_>, target: &'t [u8]) -> Option<(Vec<u8>, Option<&'t [u8]>)> {
    let target = target.split(|byte| *byte == b'#').next()?;
    let host = ex.heads.request.authority.of(&ex.bytes);
    let absolute = target.strip_prefix(b"http:").unwrap_or(target);
    let (path, query) = match absolute.strip_prefix(b"//") {
        Some(rest) => {
            let (authority, path, query) = split_url(rest);
            if !authority.eq_ignore_ascii_case(host) {
                return None;
            }
            (path, query)
        }
        None => {
            let (dir, path, query) = split_url(target);
            // What is no authority here is the first segment of a relative path.
            (&target[..dir.len() + path.len()], query)
        }
    };
    let joined = match path {
        [] => ex.path().to_vec(),
        [b'/', ..] => path.to_vec(),
        _ if path.contains(&b':') => return None,
        _ => {
            let base = ex.path();
            let dir = base
                .iter()
                .rposition(|byte| *byte == b'/')
                .map_or(0, |at| at + 1);
            [&base[..dir], path].concat()
        }
    };
    let mut normal = Vec::new();
    let merge = ex.epoch.plan.limits.merge_slashes;
    match normalise(&joined, &mut normal, merge).ok()? {
        Normal::Same => Some((joined, query)),
        Normal::Changed => Some((normal, query)),
    }
}
