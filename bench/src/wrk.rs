//! wrk as a second opinion on our own load.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::body;
use crate::peer::installed::find_program;
use crate::round::contest::Contest;
use crate::scenario::{Asked, Exchange, Pace, Scenario};

/// What wrk saw.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Opinion {
    /// Requests a second.
    rate: f64,
    /// Whether it complained of errors.
    errors: bool,
}

/// Has wrk load each proxy once, and prints what it sees.
pub fn report(contests: &[Contest<'_>]) {
    let Some(program) = find_program("wrk") else {
        return println!("Missing: wrk is not installed; Debian's package is wrk.");
    };
    for contest in contests {
        let Some(path) = path(contest.scenario) else {
            continue;
        };
        let seconds = contest.setting.measure.as_secs();
        let connections = contest.scenario.connections;
        let ask = |target| ask(&program, target, &path, connections, seconds);
        let peer = contest.peer;
        match contest.with_proxy(|_, site| ask(site.listen)) {
            Ok(Opinion {
                rate,
                errors: false,
            }) => println!("wrk sees {rate:.0} req/s of {peer}"),
            Ok(Opinion { rate, errors: true }) => {
                println!("wrk sees {rate:.0} req/s of {peer}, with errors")
            }
            Err(error) => println!("wrk sees nothing of {peer}: {error}"),
        }
    }
}

/// The path that wrk can ask for in this scenario; `None` where the scenario is beyond it.
fn path(scenario: &Scenario) -> Option<String> {
    let plain = !scenario.reconnect
        && scenario.routes == 1
        && scenario.idle == 0
        && scenario.pace == Pace::Full
        && scenario.cache.is_none_or(|cache| cache.asked == Asked::One);
    let Exchange::Get(size) = scenario.exchange else {
        return None;
    };
    let named = body::NAMED
        .iter()
        .find(|(_, named)| *named == size && plain);
    named.map(|(name, _)| format!("/{name}"))
}

/// Has wrk load `target` for some seconds. It runs on the CPUs of the calling thread.
fn ask(
    wrk: &Path,
    target: SocketAddr,
    path: &str,
    connections: usize,
    seconds: u64,
) -> io::Result<Opinion> {
    let mut command = Command::new(wrk);
    command
        .arg("-t1")
        .arg(format!("-c{connections}"))
        .arg(format!("-d{}s", seconds.max(1)));
    let output = command.arg(format!("http://{target}{path}")).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).ok_or_else(|| io::Error::other(format!("wrk said: {}", text.trim())))
}

/// Reads wrk's report.
fn read(text: &str) -> Option<Opinion> {
    let rate = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"))?;
    let errors = text.contains("Socket errors") || text.contains("Non-2xx");
    Some(Opinion {
        rate: rate.trim().parse().ok()?,
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find;

    #[test]
    fn a_report_is_read() {
        let text = "Running 1s test\n  100 requests in 1.00s\nRequests/sec:  51234.56\nTransfer/sec: 1MB\n";
        assert_eq!(
            read(text),
            Some(Opinion {
                rate: 51_234.56,
                errors: false
            })
        );
        let bad = "  Non-2xx or 3xx responses: 7\nRequests/sec: 1.0\n";
        assert!(read(bad).unwrap().errors);
        assert_eq!(read("unable to connect"), None);
    }

    #[test]
    fn only_plain_gets_are_asked_for() {
        assert_eq!(path(find("64k").unwrap()).as_deref(), Some("/64k"));
        for beyond in ["upload", "new", "routes", "idle", "constant"] {
            assert_eq!(path(find(beyond).unwrap()), None, "{beyond}");
        }
    }
}
