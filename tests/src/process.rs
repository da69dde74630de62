//! The process under test: its addresses, its output, its descriptors and memory, its end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, get};
use crate::metrics::Metrics;
use crate::response::Response;
use crate::tempdir::TempDir;
use crate::{PATIENCE, eventually, happens_within};

/// A running balancer; killed when dropped, by its own process id and no other way.
#[derive(Debug)]
pub struct Ringfence {
    child: Child,
    dir: TempDir,
    output: Arc<Mutex<String>>,
    ended: bool,
}

/// How a command that ran to its end came out.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything that it wrote to standard output.
    pub stdout: String,
    /// Everything that it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn of(mut command: Command) -> Outcome {
        let mut child = command.spawn().expect("start the binary");
        let stdout = collect(child.stdout.take().expect("stdout is piped"));
        let stderr = collect(child.stderr.take().expect("stderr is piped"));
        let Some(status) = wait(&mut child, PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} did not end; {:?}", stderr.lock());
        };
        // The readers see the end of the pipes just after the process has gone.
        let take = |text: Arc<Mutex<String>>| {
            happens_within(Duration::from_secs(2), || Arc::strong_count(&text) == 1);
            text.lock().expect("output").clone()
        };
        Outcome {
            code: status.code(),
            stdout: take(stdout),
            stderr: take(stderr),
        }
    }

    /// Both outputs.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Outcome {
        assert_eq!(self.code, Some(0), "{}", self.text());
        self
    }

    /// Panics unless it failed with an error (not a signal, not a panic) that says all of `words`.
    #[track_caller]
    pub fn failed_saying(self, words: &[&str]) -> Outcome {
        assert!(
            matches!(self.code, Some(1..=100)),
            "exit {:?}: {}",
            self.code,
            self.text()
        );
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.stderr);
        }
        self
    }
}

impl Ringfence {
    #[track_caller]
    pub(crate) fn spawn(mut command: Command, dir: TempDir) -> Ringfence {
        let mut child = command.spawn().expect("start the binary");
        let output = collect(child.stdout.take().expect("stdout is piped"));
        collect_into(
            child.stderr.take().expect("stderr is piped"),
            output.clone(),
        );
        let mut ringfence = Ringfence {
            child,
            dir,
            output,
            ended: false,
        };
        let ready = happens_within(PATIENCE, || {
            ringfence.is_ready() || ringfence.exit_status().is_some()
        });
        let status = ringfence.exit_status();
        assert!(
            ready && status.is_none(),
            "no start, exit {status:?}: {}",
            ringfence.output()
        );
        ringfence
    }

    /// The address of the first listener.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// The addresses of all listeners, in the order of the file.
    #[track_caller]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let all = self.printed_after("listening on http://");
        assert!(
            !all.is_empty(),
            "no address in the banner: {}",
            self.output()
        );
        all
    }

    /// The address of the admin listener.
    #[track_caller]
    pub fn admin(&self) -> SocketAddr {
        self.printed_after("admin on http://")[0]
    }

    fn printed_after(&self, mark: &str) -> Vec<SocketAddr> {
        let output = self.output();
        let after = output.lines().filter_map(|line| line.split_once(mark));
        let word = |text: &str| {
            text.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_string()
        };
        after
            .filter_map(|(_, rest)| word(rest).trim_end_matches('/').parse().ok())
            .collect()
    }

    /// A new connection to the first listener.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        get(self.address(), path)
    }

    /// One GET to the admin listener.
    #[track_caller]
    pub fn admin_get(&self, path: &str) -> Response {
        get(self.admin(), path)
    }

    /// The metrics as they are now.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.admin_get("/metrics").expect(200).text())
    }

    /// Everything that it has printed.
    pub fn output(&self) -> String {
        self.output.lock().expect("output").clone()
    }

    /// Whether it has printed that.
    pub fn says(&self, words: &str) -> bool {
        self.output.lock().expect("output").contains(words)
    }

    fn is_ready(&self) -> bool {
        self.output().lines().any(|line| line == "ready")
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its configuration file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ringfence.toml")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        assert!(!self.ended, "the process has ended");
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        self.open_files().len()
    }

    /// What they stand for.
    pub fn open_files(&self) -> Vec<String> {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        let all = all.into_iter().flatten().flatten();
        let targets = all.filter_map(|one| std::fs::read_link(one.path()).ok());
        targets.map(|target| target.display().to_string()).collect()
    }

    /// How much memory it has resident, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    /// How much CPU time it has used.
    pub fn cpu_time(&self) -> Duration {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Its exit status, when it has ended by itself.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("wait for the child");
        self.ended |= status.is_some();
        status
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            status = self.exit_status();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Ringfence {
    fn drop(&mut self) {
        let crashed = !self.ended && self.exit_status().is_some();
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- what the balancer printed ---\n{}", self.output());
        } else {
            assert!(
                !crashed,
                "the balancer went away by itself: {}",
                self.output()
            );
            assert!(
                !self.says("panicked at"),
                "the balancer panicked: {}",
                self.output()
            );
        }
    }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        let status = child.try_wait().expect("wait for the child");
        if status.is_some() || Instant::now() > end {
            return status;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn collect(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    collect_into(pipe, text.clone());
    text
}

fn collect_into(pipe: impl Read + Send + 'static, text: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(pipe.read_until(b'\n', &mut line), Ok(count) if count > 0) {
            text.lock()
                .expect("output")
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}
