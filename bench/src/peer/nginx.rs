//! nginx as a proxy.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::scenario::{Asked, Scenario};
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/nginx.conf");
/// The name of the file.
const FILE: &str = "nginx.conf";
/// The most objects that it is made to cache, each of which is a file.
const MOST_FILES: usize = 100_000;
/// Files of the cache that are kept open, where there are as many descriptors.
const MOST_OPEN_FILES: u64 = 40_000;

/// The configuration for a site.
#[must_use]
pub fn config(site: &Site<'_>) -> ConfigFile {
    let access_log = if site.scenario.log {
        format!(
            "{} combined buffer=64k flush=1s",
            site.access_log().display()
        )
    } else {
        "off".to_owned()
    };
    let servers: Vec<String> = site
        .servers
        .iter()
        .map(|server| format!("        server {server};"))
        .collect();
    let text = fill(
        TEMPLATE,
        &[
            ("workers", &site.workers.to_string()),
            ("masks", &site.cpus.masks(site.workers)),
            ("descriptors", &site.descriptors.to_string()),
            // Two for each client: its own and the one to a server.
            (
                "connections",
                &(site.connections() * 2 + site.servers.len()).to_string(),
            ),
            ("dir", &site.dir.to_string_lossy()),
            ("access_log", &access_log),
            ("cache", &cache(site)),
            ("servers", &servers.join("\n")),
            ("sites", sites(site).trim_end()),
        ],
    );
    ConfigFile { name: FILE, text }
}

/// The arguments with which it is started.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    vec![
        "-c".into(),
        site.dir.join(FILE).into(),
        "-e".into(),
        "stderr".into(),
    ]
}

/// What it says of its cache: files under its directory, which the kernel keeps in memory, and which stay open; one request
/// for each missing object. Long ones are sent by `sendfile`, short ones for less without it. `tcp_nopush` stays off: with
/// it the last piece of what comes from the cache waits for the client's delayed acknowledgement, some 40 ms.
fn cache(site: &Site<'_>) -> String {
    let Some(cache) = site.scenario.cache else {
        return String::new();
    };
    let dir = site.dir.display();
    // A key takes 128 bytes, and an open file a descriptor.
    let files = (site.descriptors / 2).min(MOST_OPEN_FILES);
    let sendfile = if site.scenario.is_bulk() { "on" } else { "off" };
    format!(
        "
    proxy_cache_path {dir}/cache levels=1:2 keys_zone=bench:32m max_size={bytes} inactive=1d use_temp_path=off
                     manager_files=1000 manager_sleep=10ms;
    proxy_cache bench;
    proxy_cache_lock on;
    add_header X-Cache $upstream_cache_status always;
    sendfile {sendfile};
    open_file_cache max={files} inactive=1d;
    open_file_cache_valid 1d;",
        bytes = cache.bytes,
    )
}

/// Why it takes no part in a scenario.
#[must_use]
pub fn cannot(scenario: &Scenario) -> Option<&'static str> {
    match scenario.cache?.asked {
        Asked::Drawn { objects, .. } if objects > MOST_FILES => {
            Some("it would fill a file system with so many files")
        }
        _ => None,
    }
}

/// One server block for everything, or one for each host with a location for each of its paths.
fn sites(site: &Site<'_>) -> String {
    let listen = format!("listen {} reuseport backlog=65535", site.listen);
    let table = site.scenario.route_table();
    if table.is_empty() {
        return block(&format!("{listen};"), None, &["/"]);
    }
    let mut text = format!(
        "    server_names_hash_max_size 4096;\n{}",
        block(&format!("{listen} default_server;"), None, &[])
    );
    for group in table.chunk_by(|one, other| one.0 == other.0) {
        let paths: Vec<String> = group
            .iter()
            .map(|(_, prefix)| format!("{prefix}/"))
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        text += &block(
            &format!("listen {};", site.listen),
            group.first().map(|(host, _)| host.as_str()),
            &paths,
        );
    }
    text
}

/// A server block.
fn block(listen: &str, host: Option<&str>, paths: &[&str]) -> String {
    let name = host.map_or(String::new(), |host| {
        format!("        server_name {host};\n")
    });
    let location = |path: &&str| format!("        location {path} {{ proxy_pass http://app; }}\n");
    let locations: String = paths.iter().map(location).collect();
    format!("    server {{\n        {listen}\n{name}{locations}    }}\n")
}

#[cfg(test)]
mod tests {
    use crate::peer::Peer;
    use crate::peer::tests::files;

    #[test]
    fn the_usual_file_is_tuned_by_the_book() {
        let text = &files(Peer::Nginx, "small")[0].text;
        for line in [
            "worker_processes 1;",
            "worker_cpu_affinity 1;",
            "access_log off;",
            "listen 127.0.0.1:8080 reuseport",
            "proxy_http_version 1.1;",
            "proxy_set_header Connection \"\";",
            "server 127.0.1.3:9000;",
            "location / { proxy_pass http://app; }",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn it_caches_where_the_scenario_says_so() {
        let text = &files(Peer::Nginx, "hit")[0].text;
        for line in [
            "proxy_cache_path /d/cache levels=1:2 keys_zone=bench:32m max_size=67108864 ",
            "proxy_cache bench;",
            "proxy_cache_lock on;",
            "sendfile off;",
            "open_file_cache max=10000 ",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(
            files(Peer::Nginx, "hit-64k")[0]
                .text
                .contains("sendfile on;")
        );
        assert!(!files(Peer::Nginx, "small")[0].text.contains("proxy_cache"));
    }

    #[test]
    fn the_log_is_on_where_the_scenario_says_so() {
        assert!(
            files(Peer::Nginx, "log")[0]
                .text
                .contains("access_log /d/access.log combined")
        );
    }

    #[test]
    fn there_is_a_location_for_every_route() {
        let text = &files(Peer::Nginx, "routes")[0].text;
        assert_eq!(text.matches("location /r").count(), 10_000);
        assert_eq!(text.matches("server_name h").count(), 100);
        assert_eq!(
            text.matches("reuseport").count(),
            1 + 1,
            "once in the comment, once on the socket"
        );
    }
}
