//! HAProxy.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/haproxy.cfg");
/// The name of the file.
const FILE: &str = "haproxy.cfg";
/// Bytes of the largest object that a scenario has it keep, with its head.
const LARGEST_OBJECT: usize = 72 * 1024;
/// The most that it takes for the size of a cache.
const MOST_MEGABYTES: u64 = 4_095;
/// The name of the file that maps host and path to a backend, as its documentation advises for many routes.
const MAP: &str = "routes.map";

/// The configuration for a site, and the map of its routes where there are many.
#[must_use]
pub fn configs(site: &Site<'_>) -> Vec<ConfigFile> {
    let table = site.scenario.route_table();
    let map = site.dir.join(MAP);
    let route = if table.is_empty() {
        "    default_backend app".to_owned()
    } else {
        format!("    use_backend %[base,map_beg({})]", map.display())
    };
    let (global_log, log) = if site.scenario.log {
        (
            "    log stdout format raw local0",
            "    log global\n    option httplog clf",
        )
    } else {
        ("    # no log", "    no log")
    };
    let cache = cache(site);
    let server = |(number, address)| format!("    server s{number} {address}");
    let servers: Vec<String> = site.servers.iter().enumerate().map(server).collect();
    let text = fill(
        TEMPLATE,
        &[
            ("workers", &site.workers.to_string()),
            ("cpus", &site.cpus.to_string().replace(',', " ")),
            ("connections", &site.connections().to_string()),
            ("global_log", global_log),
            ("cache", &cache.section),
            ("cache_use", cache.rules),
            ("response", cache.response),
            ("log", log),
            ("listen", &site.listen.to_string()),
            ("route", &route),
            ("servers", &servers.join("\n")),
        ],
    );
    let mut files = vec![ConfigFile { name: FILE, text }];
    if !table.is_empty() {
        let lines = table
            .iter()
            .map(|(host, prefix)| format!("{host}{prefix}/ app\n"))
            .collect();
        files.push(ConfigFile {
            name: MAP,
            text: lines,
        });
    }
    files
}

/// What it says of its cache.
struct Cache {
    section: String,
    rules: &'static str,
    /// The rules that responses go through: those of the cache go only through the second kind.
    response: &'static str,
}

fn cache(site: &Site<'_>) -> Cache {
    let Some(cache) = site.scenario.cache else {
        return Cache {
            section: String::new(),
            rules: "    # no cache",
            response: "http-response",
        };
    };
    let megabytes = (cache.bytes >> 20).clamp(1, MOST_MEGABYTES);
    Cache {
        section: format!(
            "\ncache bench\n    total-max-size {megabytes}\n    max-object-size {LARGEST_OBJECT}\n    max-age 86400"
        ),
        // What is found in the cache needs none of the fields that a server gets.
        rules: "    http-request cache-use bench
    http-response cache-store bench
    http-after-response set-header X-Cache HIT if { res.cache_hit }
    http-after-response set-header X-Cache MISS if !{ res.cache_hit }",
        response: "http-after-response",
    }
}

/// The arguments with which it is started: in the foreground.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    vec!["-db".into(), "-f".into(), site.dir.join(FILE).into()]
}

#[cfg(test)]
mod tests {
    use crate::peer::Peer;
    use crate::peer::tests::files;

    #[test]
    fn the_usual_file_is_tuned_by_the_book() {
        let files = files(Peer::Haproxy, "small");
        assert_eq!(files.len(), 1);
        for line in [
            "nbthread 1",
            "cpu-map auto:1/1-1 0",
            "http-reuse always",
            "option splice-request",
            "option splice-response",
            "no log",
            "default_backend app",
            "server s2 127.0.1.3:9000",
        ] {
            assert!(files[0].text.contains(line), "{line}");
        }
    }

    #[test]
    fn it_caches_where_the_scenario_says_so() {
        let text = &files(Peer::Haproxy, "hit")[0].text;
        for line in [
            "cache bench\n    total-max-size 64\n",
            "http-request cache-use bench",
            "http-response cache-store bench",
            "http-after-response add-header Via",
        ] {
            assert!(text.contains(line), "{line}");
        }
        let text = &files(Peer::Haproxy, "small")[0].text;
        assert!(!text.contains("cache bench") && !text.contains("http-after-response"));
    }

    #[test]
    fn many_routes_are_a_map() {
        let files = files(Peer::Haproxy, "routes");
        assert!(files[0].text.contains("map_beg(/d/routes.map)"));
        assert_eq!(files[1].text.lines().count(), 10_000);
        assert!(files[1].text.contains("h001.test/r001/ app\n"));
    }

    #[test]
    fn the_log_is_on_where_the_scenario_says_so() {
        let text = &files(Peer::Haproxy, "log")[0].text;
        assert!(
            text.contains("log stdout")
                && text.contains("option httplog clf")
                && !text.contains("no log")
        );
    }
}
