//! Sōzu.

use std::ffi::OsString;

use crate::peer::site::{ConfigFile, Site};
use crate::scenario::Scenario;
use crate::template::fill;

/// The program.
pub const PROGRAM: &str = "sozu";
/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/sozu.toml");
/// The name of the file.
const FILE: &str = "sozu.toml";
/// The host that every request names where the scenario has one route.
const HOST: &str = "bench.test";
/// Buffers for each client connection: one for each direction.
const BUFFERS_EACH: usize = 2;

/// Descriptors that it wants to be allowed for each client connection, or it does not start.
const DESCRIPTORS_EACH: u64 = 2;

/// The configuration for a site.
#[must_use]
pub fn config(site: &Site<'_>) -> ConfigFile {
    // It logs an access as it logs any other information.
    let log = match site.scenario.log {
        true => format!(
            "log_level = \"info\"\naccess_logs_target = \"file://{}\"",
            site.access_log().display()
        ),
        false => "log_level = \"error\"".to_owned(),
    };
    let most = usize::try_from(site.descriptors / DESCRIPTORS_EACH).unwrap_or(usize::MAX);
    let connections = site.connections().min(most);
    let server = |address| format!("    {{ address = \"{address}\" }},");
    let servers: Vec<String> = site.servers.iter().map(server).collect();
    let text = fill(
        TEMPLATE,
        &[
            ("dir", &site.dir.to_string_lossy()),
            ("workers", &site.workers.to_string()),
            ("log", &log),
            ("connections", &connections.to_string()),
            ("buffers", &(connections * BUFFERS_EACH).to_string()),
            ("listen", &site.listen.to_string()),
            ("frontends", frontends(site).trim_end()),
            ("servers", &servers.join("\n")),
        ],
    );
    ConfigFile { name: FILE, text }
}

/// The arguments with which it is started.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    vec!["-c".into(), site.dir.join(FILE).into(), "start".into()]
}

/// Why it takes no part in a scenario.
#[must_use]
pub fn cannot(scenario: &Scenario) -> Option<&'static str> {
    scenario.cache.map(|_| "it has no cache")
}

/// One frontend for everything, or one for each host and path.
fn frontends(site: &Site<'_>) -> String {
    let listen = site.listen;
    let via = "{ position = \"both\", key = \"Via\", value = \"1.1 sozu\" }";
    let frontend = |host: &str, path: &str| {
        format!(
            "    {{ address = \"{listen}\", hostname = \"{host}\", path = \"{path}\", path_type = \"PREFIX\", \
             headers = [{via}] }},\n"
        )
    };
    let table = site.scenario.route_table();
    if table.is_empty() {
        return frontend(HOST, "/");
    }
    table
        .iter()
        .map(|(host, prefix)| frontend(host, &format!("{prefix}/")))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::peer::Peer;
    use crate::peer::tests::files;

    #[test]
    fn the_usual_file_is_tuned_by_the_book() {
        let text = &files(Peer::Sozu, "small")[0].text;
        for line in [
            "worker_count = 1",
            "max_connections = 2048",
            "log_level = \"error\"",
            "hostname = \"bench.test\", path = \"/\"",
            "{ address = \"127.0.1.3:9000\" }",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn it_is_told_of_no_more_connections_than_it_can_have() {
        let text = &files(Peer::Sozu, "idle")[0].text;
        assert!(text.contains("max_connections = 10000\n"), "{text}");
    }

    #[test]
    fn routes_and_log_follow_the_scenario() {
        let text = &files(Peer::Sozu, "routes")[0].text;
        assert_eq!(text.matches("hostname = ").count(), 10_000);
        let text = &files(Peer::Sozu, "log")[0].text;
        assert!(text.contains("access_logs_target = \"file:///d/access.log\""));
    }
}
