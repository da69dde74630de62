//! Programs and folders outside the repository that some tests need.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::happens_within;

/// The path of a program; panics when it is missing, because the setup script installs it.
#[track_caller]
pub fn need(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = dirs
        .map(|dir| dir.join(program))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{program} is not installed: run scripts/setup"))
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lies in the root")
        .to_path_buf()
}

/// A program of the Python environment that the setup script makes.
#[track_caller]
pub fn venv(program: &str) -> PathBuf {
    let base = std::env::var_os("RINGFENCE_VENV").map(PathBuf::from);
    let path = base
        .unwrap_or_else(|| root().join("target/venv"))
        .join("bin")
        .join(program);
    assert!(
        path.exists(),
        "{} is not there: run scripts/setup",
        path.display()
    );
    path
}

/// The public HTTP caching suite that the setup script installs.
#[track_caller]
pub fn cache_suite() -> PathBuf {
    let base = std::env::var_os("RINGFENCE_CACHE_SUITE").map(PathBuf::from);
    let path = base
        .unwrap_or_else(|| root().join("target/cache-suite"))
        .join("node_modules/http-cache-tests");
    assert!(
        path.exists(),
        "{} is not there: run scripts/setup",
        path.display()
    );
    path
}

/// An address of this machine that nobody has and that the kernel gives to nobody who asks for any port.
pub fn free_address() -> SocketAddr {
    let port = ringfence_bench::port::free().expect("a free port");
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Where the shared conformance tools are, when they are: `RINGFENCE_CONFORMANCE`, which must then
/// be true, or beside the checkout.
#[track_caller]
pub fn conformance() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("RINGFENCE_CONFORMANCE").map(PathBuf::from) {
        assert!(given.is_dir(), "{} is no directory", given.display());
        return Some(given);
    }
    let beside = root().join("../shared/conformance");
    beside.is_dir().then_some(beside)
}

/// Runs a command that must end within `limit`; returns its output.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Output {
    use std::process::Stdio;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // No proxy of the environment may come between a client and the balancer.
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    let child = command
        .spawn()
        .unwrap_or_else(|e| panic!("start {command:?}: {e}"));
    let pid = rustix::process::Pid::from_child(&child);
    let waiter = std::thread::spawn(move || child.wait_with_output());
    if !happens_within(limit, || waiter.is_finished()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        panic!("{command:?} did not end within {limit:?}");
    }
    waiter
        .join()
        .expect("the waiter ends")
        .expect("wait for the command")
}

/// Runs a command that must succeed; returns what it wrote to standard output.
#[track_caller]
pub fn run_well(command: &mut Command, limit: Duration) -> String {
    let output = run(command, limit);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}\n{stderr}",
        output.status
    );
    stdout
}
