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

/// A program that `scripts/bench --build-peers` builds: beside the directory of this one, under `peers`.
///
/// # Errors
/// That it was not built, and the command that does it.
pub fn find_built(program: &str, name: &str) -> Result<Installed, String> {
    let exe = env::current_exe().map_err(|error| error.to_string())?;
    let target = exe.parent().and_then(Path::parent);
    let built = target.map(|target| target.join("peers/bin").join(program));
    let program = built.filter(|path| path.is_file()).ok_or_else(|| {
        format!("{name} is not built; `./scripts/bench --build-peers` does it, in some minutes")
    })?;
    let version = version(&program, "--version");
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

    #[test]
    fn a_peer_that_is_not_built_names_the_command() {
        let missing = find_built("no-such-program", "squid").unwrap_err();
        assert!(missing.contains("--build-peers"));
    }
}
