//! Sticky values: opaque names for servers, handed to clients and recognised when they come back.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use ringfence_config::Endpoint;

/// The key of sticky values. From the configuration, or drawn at random by the process: then values die with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StickySecret(pub [u8; 16]);

impl StickySecret {
    /// A secret made of configured text; its strength is that of the text.
    pub fn of_text(text: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(text.as_bytes());
        Self(hasher.finish128().as_bytes())
    }
}

impl std::fmt::Debug for StickySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StickySecret")
    }
}

fn hash(secret: &StickySecret, upstream: &str, server: &str) -> u128 {
    let mut hasher = SipHasher13::new_with_key(&secret.0);
    hasher.write(upstream.as_bytes());
    // 0xff appears in no UTF-8 text, so two names cannot run into each other.
    hasher.write(&[0xff]);
    hasher.write(server.as_bytes());
    hasher.finish128().as_u128()
}

/// Values to servers and back, for one group. A value is 32 hex digits of a keyed hash of the upstream's name and the
/// server's endpoint: it reveals neither, and stays the same over reloads and for all processes with the secret.
#[derive(Debug)]
pub(crate) struct StickyMap {
    values: Vec<String>,
    /// Sorted by value: found by halving, so no value from the network costs more than another.
    index: Vec<(u128, u32)>,
}

impl StickyMap {
    pub(crate) fn new<'a>(
        secret: &StickySecret,
        upstream: &str,
        servers: impl Iterator<Item = &'a Endpoint>,
    ) -> Self {
        let mut map = Self {
            values: Vec::new(),
            index: Vec::new(),
        };
        for (ix, endpoint) in servers.enumerate() {
            let value = hash(secret, upstream, &endpoint.to_string());
            map.values.push(format!("{value:032x}"));
            map.index.push((value, ix as u32));
        }
        map.index.sort_unstable();
        map
    }

    pub(crate) fn value(&self, ix: usize) -> Option<&str> {
        self.values.get(ix).map(String::as_str)
    }

    /// The server that `value` stands for.
    pub(crate) fn find(&self, value: &[u8]) -> Option<usize> {
        let wanted = parse(value)?;
        let found = self
            .index
            .binary_search_by_key(&wanted, |entry| entry.0)
            .ok()?;
        Some(self.index[found].1 as usize)
    }
}

/// Exactly 32 lower-case hex digits.
fn parse(value: &[u8]) -> Option<u128> {
    if value.len() != 32 || !value.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u128::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Vec<Endpoint> {
        (1..=3)
            .map(|port| Endpoint::Tcp(([10, 0, 0, 1], port).into()))
            .collect()
    }

    fn map(secret: &StickySecret, upstream: &str) -> StickyMap {
        StickyMap::new(secret, upstream, endpoints().iter())
    }

    #[test]
    fn values_are_found_again_and_nothing_else_is() {
        let map = map(&StickySecret([1; 16]), "app");
        for ix in 0..3 {
            let value = map.value(ix).expect("three servers");
            assert_eq!(value.len(), 32);
            assert_eq!(map.find(value.as_bytes()), Some(ix));
            assert_eq!(map.find(value.to_uppercase().as_bytes()), None);
            assert_eq!(map.find(&value.as_bytes()[1..]), None);
        }
        assert_eq!(map.value(3), None);
        for junk in [
            "",
            "+0000000000000000000000000000000",
            "00000000000000000000000000000000",
        ] {
            assert_eq!(map.find(junk.as_bytes()), None);
        }
    }

    #[test]
    fn values_depend_on_secret_upstream_and_server() {
        let text = StickySecret::of_text("one");
        let maps = [
            map(&text, "app"),
            map(&text, "api"),
            map(&StickySecret::of_text("two"), "app"),
        ];
        let mut values: Vec<&str> = maps
            .iter()
            .flat_map(|map| &map.values)
            .map(String::as_str)
            .collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 9);
        assert_eq!(
            map(&text, "app").values,
            maps[0].values,
            "the same in every process"
        );
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", StickySecret([7; 16])), "StickySecret");
    }
}
