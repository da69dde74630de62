//! Pingora, in a small program of ours: it is a library.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::scenario::Scenario;
use crate::template::fill;

/// The program.
pub const PROGRAM: &str = "ringfence-peer-pingora";
/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/pingora.yaml");
/// The name of the file.
const FILE: &str = "pingora.yaml";

/// The configuration for a site.
#[must_use]
pub fn config(site: &Site<'_>) -> ConfigFile {
    let server = |address| format!("  - \"{address}\"");
    let servers: Vec<String> = site.servers.iter().map(server).collect();
    let text = fill(
        TEMPLATE,
        &[
            ("workers", &site.workers.to_string()),
            ("listen", &site.listen.to_string()),
            ("servers", &servers.join("\n")),
        ],
    );
    ConfigFile { name: FILE, text }
}

/// The arguments with which it is started.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    vec![site.dir.join(FILE).into()]
}

/// Why it takes no part in a scenario: what a user of the library would have to program first.
#[must_use]
pub fn cannot(scenario: &Scenario) -> Option<&'static str> {
    if scenario.routes > 1 {
        Some("it has no router")
    } else if scenario.log {
        Some("it has no access log")
    } else if scenario.cache.is_some() {
        Some("it has no cache but one that its user programs")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::peer::Peer;
    use crate::peer::tests::files;
    use crate::scenario;

    #[test]
    fn the_usual_file_is_tuned_by_the_book() {
        let text = &files(Peer::Pingora, "small")[0].text;
        for line in [
            "threads: 1",
            "upstream_keepalive_pool_size: 4096",
            "listen: \"127.0.0.1:8080\"",
            "  - \"127.0.1.3:9000\"",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn what_it_lacks_is_said() {
        let cannot = |name| Peer::Pingora.cannot(scenario::find(name).unwrap());
        assert!(cannot("routes").is_some() && cannot("log").is_some());
        assert!(cannot("hit").is_some());
        assert_eq!(cannot("servers"), None);
    }
}
