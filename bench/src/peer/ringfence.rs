//! Ringfence itself.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::peer::installed::{Installed, version};
use crate::peer::site::{ConfigFile, Site};
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/ringfence.toml");
/// The name of the file.
const FILE: &str = "ringfence.toml";

/// Finds the binary: where it was said to be, or beside this program, where cargo puts both.
///
/// # Errors
/// That it was not built.
pub fn find(said: Option<&Path>) -> Result<Installed, String> {
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("ringfence")));
    let program = said
        .map(PathBuf::from)
        .or(beside)
        .filter(|path| path.is_file());
    let program =
        program.ok_or("ringfence is not built; `cargo build --release -p ringfence` does it")?;
    let version = version(&program, "--version");
    Ok(Installed { program, version })
}

/// The configuration for a site.
#[must_use]
pub fn config(site: &Site<'_>) -> ConfigFile {
    let log = match site.scenario.log {
        true => format!(
            "format = \"combined\"\nto = \"{}\"",
            site.access_log().display()
        ),
        false => "format = \"off\"".to_owned(),
    };
    let cache = match site.scenario.cache {
        Some(cache) => format!("\n[cache]\nsize = \"{}B\"\n", cache.bytes),
        None => String::new(),
    };
    let servers: Vec<String> = site
        .servers
        .iter()
        .map(|server| format!("    \"{server}\","))
        .collect();
    let text = fill(
        TEMPLATE,
        &[
            ("dir", &site.dir.to_string_lossy()),
            ("listen", &site.listen.to_string()),
            ("workers", &site.workers.to_string()),
            ("cpus", &site.cpus.to_string()),
            ("connections", &site.connections().to_string()),
            ("admin", &site.admin.to_string()),
            ("access_log", &log),
            ("cache", &cache),
            ("servers", &servers.join("\n")),
            ("routes", routes(site).trim_end()),
        ],
    );
    ConfigFile {
        name: FILE,
        text: text + "\n",
    }
}

/// The arguments with which it is started.
#[must_use]
pub fn arguments(site: &Site<'_>) -> Vec<OsString> {
    vec!["run".into(), "-c".into(), site.dir.join(FILE).into()]
}

/// One route for everything, or one for each host and path.
fn routes(site: &Site<'_>) -> String {
    let table = site.scenario.route_table();
    if table.is_empty() {
        let cache = match site.scenario.cache {
            Some(_) => "cache = true\n",
            None => "",
        };
        return format!("[[route]]\nupstream = \"app\"\n{cache}");
    }
    let route = |(host, prefix): &(String, String)| {
        format!("[[route]]\nhost = \"{host}\"\npath = \"{prefix}/*\"\nupstream = \"app\"\n\n")
    };
    table.iter().map(route).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ringfence_config::{Overrides, Plan};

    use super::find;
    use crate::peer::Peer;
    use crate::peer::tests::files;
    use crate::scenario;

    #[test]
    fn ringfence_accepts_every_file() {
        for scenario in &scenario::ALL {
            let text = &files(Peer::Ringfence, scenario.name)[0].text;
            let plan = Plan::load(text, "ringfence.toml", &|_| None, &Overrides::default());
            let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
            let servers = plan.upstreams[0].servers.len();
            assert_eq!(
                (plan.routes.len(), servers),
                (scenario.routes, scenario.servers)
            );
        }
    }

    #[test]
    fn the_usual_file_has_one_route_and_no_log() {
        let text = &files(Peer::Ringfence, "small")[0].text;
        assert_eq!(text.matches("[[route]]").count(), 1);
        for line in [
            "format = \"off\"",
            "count = 1",
            "cpus = \"0\"",
            "listen = \"127.0.0.1:9901\"",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn it_caches_where_the_scenario_says_so() {
        let text = &files(Peer::Ringfence, "hit")[0].text;
        assert!(text.contains("[cache]\nsize = \"67108864B\"\n"), "{text}");
        assert!(text.contains("cache = true"));
        assert!(!files(Peer::Ringfence, "small")[0].text.contains("cache"));
    }

    #[test]
    fn routes_and_log_follow_the_scenario() {
        assert_eq!(
            files(Peer::Ringfence, "routes")[0]
                .text
                .matches("[[route]]")
                .count(),
            10_000
        );
        assert!(
            files(Peer::Ringfence, "log")[0]
                .text
                .contains("to = \"/d/access.log\"")
        );
    }

    #[test]
    fn a_binary_that_is_not_there_is_asked_for() {
        assert!(
            find(Some(Path::new("/no/such")))
                .unwrap_err()
                .contains("cargo build")
        );
    }
}
