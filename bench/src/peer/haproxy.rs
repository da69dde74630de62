//! HAProxy.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/haproxy.cfg");
/// The name of the file.
const FILE: &str = "haproxy.cfg";
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
    let server = |(number, address)| format!("    server s{number} {address}");
    let servers: Vec<String> = site.servers.iter().enumerate().map(server).collect();
    let text = fill(
        TEMPLATE,
        &[
            ("workers", &site.workers.to_string()),
            ("cpus", &site.cpus.to_string().replace(',', " ")),
            ("connections", &site.connections().to_string()),
            ("global_log", global_log),
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
