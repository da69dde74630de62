//! One tag, as a hash: by its name, or by the URL or host that it stands for.

use ringfence_cache::{KeyParts, normal_query, write_url};
use ringfence_config::{KeyQuery, KeyRules};

use crate::house::House;

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

/// The tag that all responses have of a route that answers all its hosts with the same, by its realm.
pub(crate) fn any_host(house: &House, realm: u64) -> u64 {
    tagged(house, b'r', &realm.to_ne_bytes())
}

fn tagged(house: &House, kind: u8, text: &[u8]) -> u64 {
    let mut all = Vec::with_capacity(text.len() + 1);
    all.push(kind);
    all.extend_from_slice(text);
    house.hash(&all)
}
