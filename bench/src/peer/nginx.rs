//! nginx as a proxy.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/nginx.conf");
/// The name of the file.
const FILE: &str = "nginx.conf";

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
