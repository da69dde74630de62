//! nginx as an origin: its files and its configuration.

use std::fs;
use std::io;

use crate::body;
use crate::origin::MAX_AGE;
use crate::origin::place::Place;
use crate::peer::installed::find_program;
use crate::process::Program;
use crate::template::fill;

/// The configuration, with places.
const TEMPLATE: &str = include_str!("../../peers/origin-nginx.conf");

/// Writes files and configuration, and says how to start it.
///
/// # Errors
/// What the file system says, or that there is no nginx.
pub fn prepare(place: &Place<'_>) -> io::Result<Program> {
    let program = find_program("nginx").ok_or(io::ErrorKind::NotFound)?;
    let files = place.dir.join("files");
    fs::create_dir_all(&files)?;
    for (name, size) in body::NAMED {
        fs::write(files.join(name), body::of(size))?;
    }
    let path = place.dir.join("nginx.conf");
    fs::write(&path, config(place))?;
    Ok(Program {
        name: "the nginx origin".to_owned(),
        command: vec![
            program.into(),
            "-c".into(),
            path.into(),
            "-e".into(),
            "stderr".into(),
        ],
        cpus: place.cpus.clone(),
        stdout: place.dir.join("stdout"),
        stderr: place.dir.join("stderr"),
    })
}

/// The configuration for a place.
#[must_use]
pub fn config(place: &Place<'_>) -> String {
    let listen = |(number, address)| match number {
        // `backlog` belongs to the socket, so every address has to say it.
        0 => format!("        listen {address} backlog=65535 default_server;\n"),
        _ => format!("        listen {address} backlog=65535;\n"),
    };
    let listen: String = place.addresses.iter().enumerate().map(listen).collect();
    // Each listening address takes a connection object of every worker.
    let connections = place.addresses.len() + 16_384;
    let cache_control = match place.cacheable {
        true => format!("add_header Cache-Control max-age={MAX_AGE};"),
        false => String::new(),
    };
    fill(
        TEMPLATE,
        &[
            ("workers", &place.workers.to_string()),
            ("descriptors", "20000"),
            ("connections", &connections.to_string()),
            ("dir", &place.dir.to_string_lossy()),
            ("listen", listen.trim_end()),
            ("cache_control", &cache_control),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;

    use super::*;
    use crate::machine::Cpus;
    use crate::origin::place::addresses;

    fn config_of(addresses: &[SocketAddr], cacheable: bool) -> String {
        config(&Place {
            dir: Path::new("/d"),
            addresses,
            cpus: &Cpus(vec![1]),
            workers: 1,
            cacheable,
        })
    }

    #[test]
    fn every_address_is_listened_on() {
        let addresses = addresses(3, 9_000);
        let text = config_of(&addresses, false);
        for address in &addresses {
            assert!(text.contains(&format!("listen {address} ")));
        }
        assert_eq!(text.matches("default_server").count(), 1);
        assert!(text.contains("sendfile on;") && text.contains("tcp_nopush on;"));
    }

    #[test]
    fn it_says_what_may_be_kept_only_where_it_is_to_be() {
        let addresses = addresses(3, 9_000);
        let says = |cacheable| config_of(&addresses, cacheable).contains("Cache-Control");
        assert!(says(true) && !says(false));
    }
}
