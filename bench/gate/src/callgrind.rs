//! Running the dialogue under valgrind's callgrind, and reading what it counted.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Counting is on while this function runs; a pattern of callgrind's.
const COUNTED: &str = "*counted_turn*";

/// What the simulated network does when asked. A real one is the kernel's business, so it does not count.
const NETWORK: &str = "ringfence_io::driver::sim::world::with";

/// Instructions in user mode that a program's counted turns took, without what the simulated network did for them.
///
/// # Errors
/// That valgrind is missing, what the program said when it failed, or that callgrind found no functions.
pub fn count(program: &Path, arguments: &[&str]) -> io::Result<u64> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--tool=callgrind",
            "--compress-strings=no",
            "--compress-pos=no",
        ])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null());
    let output = valgrind.output().map_err(|error| {
        io::Error::other(format!(
            "valgrind does not start ({error}); Debian's package is valgrind"
        ))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("the dialogue failed:\n{said}")));
    }
    read(&fs::read_to_string(file)?).map_err(io::Error::other)
}

/// Reads callgrind's file: the instructions of all that was counted, without the calls to the network.
fn read(text: &str) -> Result<u64, String> {
    let (mut all, mut network) = (0, 0);
    // The next line is what a call to this function cost, callees included.
    let mut called: Option<&str> = None;
    let mut is_call_cost = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = Some(name);
        } else if line.starts_with("calls=") {
            is_call_cost = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = cost(line).ok_or_else(|| format!("no cost: {line}"))?;
            if std::mem::take(&mut is_call_cost) {
                let name = called.take().ok_or("a call to nobody")?;
                network += if name.starts_with(NETWORK) { cost } else { 0 };
            } else {
                all += cost;
            }
        }
    }
    if network == 0 {
        return Err(format!("callgrind saw no call to {NETWORK}"));
    }
    Ok(all - network)
}

/// The cost of a line such as `12 345`: a position and a count, which is left out where it is 0.
fn cost(line: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace().skip(1);
    words.next().map_or(Some(0), |count| count.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "events: Ir\n\nfn=counted_turn\n0 5\ncfn=work\ncalls=2 0\n0 100\n\nfn=work\n0 40\n\
        cfn=ringfence_io::driver::sim::world::with\ncalls=7 0\n0 50\ncfn=memcpy\ncalls=1 0\n0 10\n\n\
        fn=memcpy\n0 10\n\nfn=ringfence_io::driver::sim::world::with\n0 30\ncfn=push\ncalls=1 0\n0 20\n\n\
        fn=push\n0 20\n\ntotals: 105\n";

    #[test]
    fn the_network_does_not_count() {
        assert_eq!(read(FILE), Ok(55));
    }

    #[test]
    fn a_file_without_functions_is_refused() {
        assert!(read("events: Ir\n\nfn=???\n0 5\n\ntotals: 5\n").is_err());
    }
}
