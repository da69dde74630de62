//! What stays the same through a whole comparison.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::machine::Cpus;

/// Who runs where, and for how long.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The CPUs of the proxy.
    pub proxy_cpus: Cpus,
    /// The CPUs of origin and load.
    pub load_cpus: Cpus,
    /// How many cores the proxy uses.
    pub workers: usize,
    /// How many threads the load has.
    pub load_threads: usize,
    /// How long a round runs before it is measured.
    pub warm_up: Duration,
    /// How long it is measured.
    pub measure: Duration,
    /// How many descriptors a process may have.
    pub descriptors: u64,
    /// The directory under which everything is written.
    pub dir: PathBuf,
}

impl Setting {
    /// A new directory that anyone may read, because nginx started by root has workers of another user. It is removed
    /// when dropped.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make_dir(&self, prefix: &str) -> io::Result<TempDir> {
        readable_dir(tempfile::Builder::new().prefix(prefix), self.dir.as_path())
    }
}

/// A temporary directory under `parent` that anyone may read.
///
/// # Errors
/// What the file system says.
pub fn readable_dir(
    builder: &tempfile::Builder<'_, '_>,
    parent: &std::path::Path,
) -> io::Result<TempDir> {
    let dir = builder.tempdir_in(parent)?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}
