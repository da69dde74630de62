//! Varnish.

use std::ffi::OsString;

use crate::peer::installed::{self, Installed, find_program};
use crate::peer::site::{ConfigFile, Site};
use crate::scenario::Scenario;
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/varnish.vcl");
/// The name of the file.
const FILE: &str = "varnish.vcl";
/// Threads beyond those of clients: for fetches, and what it does besides.
const SPARE_THREADS: usize = 100;
/// What it does not note in its log, which is shared memory: all that has to do with a request, as the others have no log.
const UNLOGGED: [&str; 42] = [
    "ReqStart",
    "ReqMethod",
    "ReqURL",
    "ReqProtocol",
    "ReqHeader",
    "ReqUnset",
    "ReqAcct",
    "RespProtocol",
    "RespStatus",
    "RespReason",
    "RespHeader",
    "RespUnset",
    "BereqMethod",
    "BereqURL",
    "BereqProtocol",
    "BereqHeader",
    "BereqUnset",
    "BereqAcct",
    "BerespProtocol",
    "BerespStatus",
    "BerespReason",
    "BerespHeader",
    "BerespUnset",
    "Begin",
    "End",
    "Link",
    "Timestamp",
    "VCL_call",
    "VCL_return",
    "VCL_use",
    "Hit",
    "HitMiss",
    "TTL",
    "Filters",
    "Fetch_Body",
    "Storage",
    "Length",
    "SessOpen",
    "SessClose",
    "BackendOpen",
    "BackendClose",
    "BackendReuse",
];

/// Finds it, and what it compiles its configuration with.
///
/// # Errors
/// That one of them is not there, and the package that brings it.
pub fn find() -> Result<Installed, String> {
    let found = installed::find("varnishd", "-V", "varnish")?;
    if find_program("cc").or_else(|| find_program("gcc")).is_none() {
        return Err("varnishd needs a C compiler; Debian's package is gcc".to_owned());
    }
    Ok(found)
}

/// The configuration for a site.
#[must_use]
pub fn config(site: &Site<'_>) -> ConfigFile {
    let numbered = || site.servers.iter().enumerate();
    let backends: Vec<String> = numbered()
        .map(|(number, at)| {
            let (host, port) = (at.ip(), at.port());
            format!("# {at}\nbackend s{number} {{ .host = \"{host}\"; .port = \"{port}\"; }}")
        })
        .collect();
    let members: Vec<String> = numbered()
        .map(|(number, _)| format!("    app.add_backend(s{number});"))
        .collect();
    let text = fill(
        TEMPLATE,
        &[
            ("backends", &backends.join("\n")),
            ("members", &members.join("\n")),
        ],
    );
    ConfigFile { name: FILE, text }
}

/// The arguments with which it is started: in the foreground, with its cache in memory, and with as many threads as there
/// are clients, since each has one while it is served.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    let bytes = site.scenario.cache.map_or(0, |cache| cache.bytes);
    let threads = site.scenario.connections + SPARE_THREADS;
    let mut arguments: Vec<OsString> = vec!["-F".into()];
    for (flag, value) in [
        ("-n", site.dir.join("varnish").display().to_string()),
        ("-f", site.dir.join(FILE).display().to_string()),
        ("-a", format!("{},HTTP", site.listen)),
        ("-T", "none".to_owned()),
        ("-s", format!("malloc,{bytes}b")),
        ("-s", "Transient=malloc,64m".to_owned()),
        ("-p", format!("thread_pools={}", site.workers)),
        ("-p", format!("thread_pool_min={}", threads / site.workers)),
        ("-p", format!("thread_pool_max={threads}")),
        ("-p", format!("thread_queue_limit={}", site.connections())),
        ("-p", "thread_pool_add_delay=0".to_owned()),
        ("-p", "listen_depth=65535".to_owned()),
        ("-p", "timeout_idle=3600".to_owned()),
        ("-p", "backend_idle_timeout=3600".to_owned()),
        ("-p", "http_gzip_support=off".to_owned()),
        ("-p", format!("vsl_mask=-{}", UNLOGGED.join(",-"))),
    ] {
        arguments.extend([flag.into(), value.into()]);
    }
    arguments
}

/// Why it takes no part in a scenario.
#[must_use]
pub fn cannot(scenario: &Scenario) -> Option<&'static str> {
    match scenario.cache {
        Some(_) => None,
        None => Some("it is a cache"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;

    use super::*;
    use crate::machine::Cpus;
    use crate::peer::Peer;
    use crate::peer::tests::files;
    use crate::scenario;

    #[test]
    fn every_server_is_in_the_file() {
        let text = &files(Peer::Varnish, "hit")[0].text;
        for line in [
            "backend s2 { .host = \"127.0.1.3\"; .port = \"9000\"; }",
            "app.add_backend(s2);",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn its_cache_is_as_large_as_the_scenario_says() {
        let listen: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let site = Site {
            dir: Path::new("/d"),
            scenario: scenario::find("hit").unwrap(),
            listen,
            admin: listen,
            servers: &[],
            cpus: &Cpus(vec![0]),
            workers: 1,
            descriptors: 20_000,
        };
        let arguments = arguments(&site);
        for said in ["malloc,67108864b", "thread_pools=1", "127.0.0.1:8080,HTTP"] {
            assert!(
                arguments.iter().any(|one| one == said),
                "{said}: {arguments:?}"
            );
        }
    }
}
