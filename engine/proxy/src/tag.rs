//! One tag, as a hash: by its name, or by the URL or host that it stands for.

use ringfence_cache::{KeyParts, normal_query, write_url};
use ringfence_config::{HostPattern, KeyQuery, KeyRules, patterns_of};

use crate::house::House;

/// Hosts of a route that have a tag each; the responses of one with more go with those of any host.
const MOST_HOSTS: usize = 16;

/// That of a name.
pub(crate) fn given(house: &House, name: &[u8]) -> u64 {
    tagged(house, b't', name)
}

/// Whether what counts of a URL is not the URL.
pub(crate) fn counts_apart(rules: &KeyRules) -> bool {
    rules.query != KeyQuery::All || rules.sort || !rules.host
}

/// The tag that all responses have of URLs that are alike in what counts of them.
pub(crate) fn counted(house: &House, parts: &KeyParts<'_>, rules: &KeyRules) -> u64 {
    let mut text = Vec::new();
    write_url(parts, rules, &mut text);
    tagged(house, b'k', &text)
}

/// The tag that all responses of a URL have.
pub(crate) fn url(house: &House, host: &[u8], path: &[u8], query: Option<&[u8]>) -> u64 {
    let mut text = host.to_ascii_lowercase();
    text.extend_from_slice(path);
    if let Some(query) = query {
        text.push(b'?');
        text.extend_from_slice(&normal_query(query));
    }
    tagged(house, b'u', &text)
}

/// The tag that all responses of a host have.
pub(crate) fn host(house: &House, host: &[u8]) -> u64 {
    tagged(house, b'h', &host.to_ascii_lowercase())
}

/// The tags that all responses have of a route with these hosts that answers all of them with the same: one for each.
pub(crate) fn any_of(house: &House, hosts: &[HostPattern]) -> Vec<u64> {
    if hosts.is_empty() || hosts.len() > MOST_HOSTS {
        return vec![any(house)];
    }
    hosts.iter().map(|host| pattern(house, host)).collect()
}

/// The tags of all that requests of a host may be answered with, whichever host asked for it: they follow from its name alone,
/// so that it does not matter by which plan it was stored.
pub(crate) fn for_host(house: &House, authority: &str) -> Vec<u64> {
    let patterns = patterns_of(authority);
    let patterns = patterns.iter().map(|host| pattern(house, host));
    let own = [host(house, authority.as_bytes()), any(house)];
    own.into_iter().chain(patterns).collect()
}

fn pattern(house: &House, host: &HostPattern) -> u64 {
    match host {
        HostPattern::Exact(host) => tagged(house, b'e', host.as_bytes()),
        HostPattern::Below(suffix) => tagged(house, b'b', suffix.as_bytes()),
    }
}

fn any(house: &House) -> u64 {
    tagged(house, b'a', b"")
}

fn tagged(house: &House, kind: u8, text: &[u8]) -> u64 {
    let mut all = Vec::with_capacity(text.len() + 1);
    all.push(kind);
    all.extend_from_slice(text);
    house.hash(&all)
}
