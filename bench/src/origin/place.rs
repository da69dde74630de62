//! Where an origin runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::machine::Cpus;

/// Where and how an origin runs.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// A directory of its own.
    pub dir: &'a Path,
    /// Every address on which it listens.
    pub addresses: &'a [SocketAddr],
    /// The CPUs that it may use.
    pub cpus: &'a Cpus,
    /// How many cores the proxies have; it gets as many threads or processes.
    pub workers: usize,
    /// Whether its answers say for how long they may be kept.
    pub cacheable: bool,
}

/// The addresses of `count` servers: one port on as many loopback addresses.
///
/// # Panics
/// Where `count` is past 62,500; scenarios have fewer.
#[must_use]
pub fn addresses(count: usize, port: u16) -> Vec<SocketAddr> {
    let octet = |number: usize| u8::try_from(number + 1).expect("few enough servers");
    let address = |number: usize| Ipv4Addr::new(127, 0, octet(number / 250), octet(number % 250));
    (0..count)
        .map(|number| SocketAddr::new(IpAddr::V4(address(number)), port))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct_and_on_loopback() {
        let all = addresses(1_000, 9_000);
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 1_000);
        assert!(
            all.iter()
                .all(|address| address.ip().is_loopback() && address.port() == 9_000)
        );
        assert_eq!(all[0].to_string(), "127.0.1.1:9000");
        assert_eq!(all[999].to_string(), "127.0.4.250:9000");
    }
}
