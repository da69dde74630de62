//! One look-up: `/etc/hosts` first, then DNS, for both families.

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::Query,
        rr::{Name, RecordType},
    },
};
use ringfence_config::Resolver;
use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// The addresses of a name; at least one.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) addresses: Vec<IpAddr>,
    /// Whether the question for IPv4 addresses was answered; it may well have none.
    pub(super) has_v4: bool,
    /// The same for IPv6.
    pub(super) has_v6: bool,
    /// How long the answer holds.
    pub(super) ttl: Duration,
}

/// Looks a name up, within the plan's time-out. The system's files are read each time, as they change.
///
/// # Errors
/// Why there is no address, in a few words.
pub(super) async fn lookup(host: &str, config: &Resolver) -> Result<Answer, String> {
    let name = Name::from_utf8(host).map_err(|error| error.to_string())?;
    if let Some(answer) = in_hosts_file(&name, config) {
        return Ok(answer);
    }
    let resolver = resolver(config).map_err(|error| error.to_string())?;
    let both = async {
        tokio::join!(
            resolver.ipv4_lookup(name.clone()),
            resolver.ipv6_lookup(name.clone())
        )
    };
    match tokio::time::timeout(config.timeout, both).await {
        Ok((v4, v6)) => merged(v4, v6),
        Err(_) => Err(format!("no answer within {:?}", config.timeout)),
    }
}

/// What `/etc/hosts` says, which goes before DNS; asked again at the longest time that the plan allows.
fn in_hosts_file(name: &Name, config: &Resolver) -> Option<Answer> {
    let hosts = Hosts::from_system().ok()?;
    let find = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
    let found = [find(RecordType::A), find(RecordType::AAAA)];
    let addresses: Vec<_> = found.iter().flatten().flat_map(addresses).collect();
    (!addresses.is_empty()).then_some(Answer {
        addresses,
        has_v4: true,
        has_v6: true,
        ttl: config.max_ttl,
    })
}

fn resolver(config: &Resolver) -> Result<TokioResolver, NetError> {
    let mut builder = if config.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = config.servers.iter().map(name_server).collect();
        let servers = ResolverConfig::from_name_servers(servers);
        TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    // A lost packet leaves time for a second question.
    options.timeout = config.timeout / 3;
    options.attempts = 2;
    builder.build()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// Both families' answers as one. That a name has no address of one family is an answer; that it has none at all is not.
fn merged(v4: Result<Lookup, NetError>, v6: Result<Lookup, NetError>) -> Result<Answer, String> {
    let now = Instant::now();
    let mut ttl = Duration::MAX;
    let mut found = Vec::new();
    let mut failure = None;
    let mut note = |outcome: Result<Lookup, NetError>| match outcome {
        Ok(lookup) => {
            found.extend(addresses(&lookup));
            ttl = ttl.min(lookup.valid_until().saturating_duration_since(now));
            true
        }
        Err(error) if error.is_no_records_found() => {
            failure.get_or_insert_with(|| shown(&error));
            true
        }
        Err(error) => {
            failure = Some(shown(&error));
            // Half an answer is asked for again soon.
            ttl = Duration::ZERO;
            false
        }
    };
    let (has_v4, has_v6) = (note(v4), note(v6));
    if found.is_empty() {
        return Err(failure.unwrap_or_else(|| "the name has no address".into()));
    }
    Ok(Answer {
        addresses: found,
        has_v4,
        has_v6,
        ttl,
    })
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    let answers = lookup.answers().iter();
    answers.filter_map(|record| record.data.ip_addr()).collect()
}

fn shown(error: &NetError) -> String {
    if error.is_nx_domain() {
        "the name does not exist".into()
    } else if error.is_no_records_found() {
        "the name has no address".into()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeDns, Reply, resolver};

    fn ips(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    async fn ask(dns: &FakeDns, host: &str) -> Result<Answer, String> {
        lookup(host, &resolver(&[dns.address])).await
    }

    #[tokio::test]
    async fn both_families_are_asked_and_the_shorter_ttl_counts() {
        let dns = FakeDns::start();
        dns.set(
            "app.test",
            Reply::Addresses(ips(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]), 30),
        );
        let answer = ask(&dns, "app.test").await.unwrap();
        assert_eq!(
            answer.addresses,
            ips(&["192.0.2.1", "192.0.2.2", "2001:db8::1"])
        );
        assert!(answer.ttl <= Duration::from_secs(30) && answer.ttl > Duration::from_secs(25));
        assert!(answer.has_v4 && answer.has_v6);
    }

    #[tokio::test]
    async fn one_family_is_enough() {
        let dns = FakeDns::start();
        dns.set("app.test", Reply::Addresses(ips(&["192.0.2.1"]), 30));
        let answer = ask(&dns, "app.test").await.unwrap();
        assert!(answer.has_v6, "no address is an answer too");
        assert!(answer.ttl > Duration::from_secs(25), "{:?}", answer.ttl);
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        let dns = FakeDns::start();
        dns.set("empty.test", Reply::Addresses(Vec::new(), 30));
        dns.set("broken.test", Reply::Broken);
        assert_eq!(
            ask(&dns, "gone.test").await.unwrap_err(),
            "the name does not exist"
        );
        assert_eq!(
            ask(&dns, "empty.test").await.unwrap_err(),
            "the name has no address"
        );
        let error = ask(&dns, "broken.test").await.unwrap_err();
        assert!(error.to_lowercase().contains("server failure"), "{error}");
    }

    #[tokio::test]
    async fn silence_ends_at_the_limit() {
        let dns = FakeDns::start();
        dns.set("silent.test", Reply::Silence);
        let begun = Instant::now();
        let error = ask(&dns, "silent.test").await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(3), "{error}");
    }

    #[tokio::test]
    async fn a_lost_packet_is_asked_for_again() {
        let dns = FakeDns::start();
        dns.set("app.test", Reply::Addresses(ips(&["192.0.2.1"]), 30));
        dns.lose_first();
        assert!(ask(&dns, "app.test").await.is_ok());
    }

    #[tokio::test]
    async fn the_hosts_file_goes_first() {
        let dns = FakeDns::start();
        let answer = ask(&dns, "localhost").await.unwrap();
        assert!(answer.addresses.iter().all(IpAddr::is_loopback));
        assert_eq!(dns.asked(), 0);
    }

    #[tokio::test]
    async fn hostile_names_are_errors() {
        let dns = FakeDns::start();
        let long = "a".repeat(300);
        for host in ["", "a..b", long.as_str(), "\0", "\u{202e}"] {
            assert!(ask(&dns, host).await.is_err(), "{host:?}");
        }
    }
}
