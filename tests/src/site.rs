//! The configuration of the usual test site: one listener, one route, one upstream named `app`.

use crate::origin::Origin;

/// A site over these origins with every default.
pub fn site(origins: &[&Origin]) -> String {
    site_with(origins, "", "")
}

/// A site with extra lines in its route and in its upstream.
pub fn site_with(origins: &[&Origin], route: &str, upstream: &str) -> String {
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n\n[[route]]\nname = \"all\"\nupstream = \"app\"\n{route}\n\n{}",
        upstream_table("app", origins, upstream)
    )
}

/// One upstream over these origins, with extra lines.
pub fn upstream_table(name: &str, origins: &[&Origin], lines: &str) -> String {
    let servers: Vec<String> = origins
        .iter()
        .map(|o| format!("\"{}\"", o.address()))
        .collect();
    format!(
        "[upstream.{name}]\nservers = [{}]\n{lines}\n",
        servers.join(", ")
    )
}
