//! What is installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The program to start.
    pub program: PathBuf,
    /// What it says about its version.
    pub version: String,
}

/// A program of the search path, or of the directories for daemons that users' paths lack.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    dirs.into_iter()
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

/// A program of the system that tells its version by a flag.
///
/// # Errors
/// That it is not there, and the package that brings it.
pub fn find(name: &str, flag: &str, package: &str) -> Result<Installed, String> {
    let program = find_program(name)
        .ok_or_else(|| format!("{name} is not installed; Debian's package is {package}"))?;
    let version = version(&program, flag);
    Ok(Installed { program, version })
}

/// The first line that a program prints when asked for its version, whichever way it prints it.
#[must_use]
pub fn version(program: &Path, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return "unknown version".to_owned();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .next()
        .unwrap_or("unknown version")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_names_its_package() {
        let missing = find("no-such-program", "-v", "no-such-package").unwrap_err();
        assert!(missing.contains("no-such-package"));
    }
}
