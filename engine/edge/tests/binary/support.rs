//! Starting the binary, and talking to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The binary with these arguments, and with none of the caller's settings.
pub(crate) fn ringfence(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGFENCE_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    ended(ringfence(args).output().unwrap())
}

/// How a process ended: exit code, standard output, standard error.
pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A running process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// Everything that it has written so far, as far as it was looked at.
    pub(crate) seen: Vec<String>,
}

impl Process {
    /// Starts it and waits until it says that it is up.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let pipes: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for pipe in pipes {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let mut process = Self {
            child,
            lines,
            seen: Vec::new(),
        };
        while process.wait_for("ready") != "ready" {}
        process
    }

    /// Waits until it writes a line with these words, and returns that line.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let line = self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()));
            let Ok(line) = line else {
                panic!("it never said {words:?}: {:#?}", self.seen)
            };
            self.seen.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The line with these words, among those that it has written or in the one to come: its two outputs are read
    /// side by side, so that either may be ahead.
    pub(crate) fn says(&mut self, words: &str) -> String {
        let said = self.seen.iter().find(|line| line.contains(words)).cloned();
        said.unwrap_or_else(|| self.wait_for(words))
    }

    /// The address after these words, in what it has written.
    pub(crate) fn address(&self, after: &str) -> SocketAddr {
        let mut found = self.seen.iter().filter_map(|line| line.split_once(after));
        found.next().unwrap().1.parse().unwrap()
    }

    /// Where it listens.
    pub(crate) fn listener(&self) -> SocketAddr {
        self.address("listening on http://")
    }

    /// What the kernel says of it (proc(5)).
    pub(crate) fn status(&self) -> String {
        let path = format!("/proc/{}/status", self.child.id());
        std::fs::read_to_string(path).unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; its exit code.
    pub(crate) fn end(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end: {:#?}", self.seen);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own: the whole response, as text.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// An address that refuses connections for as long as the socket that holds it lives: a port that was only let go of
/// would be given to another test.
pub(crate) fn refusing() -> (OwnedFd, String) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap();
    (held, address.to_string())
}

/// A file in `dir`, and its path as text.
pub(crate) fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A configuration that answers by itself with `body`.
pub(crate) fn fixed(dir: &Path, body: &str) -> String {
    let control = dir.join("control.sock");
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n\n\
         [[route]]\nrespond = {{ status = 200, body = \"{body}\" }}\n\n\
         [admin]\nlisten = \"127.0.0.1:0\"\ncontrol = \"{}\"\n",
        control.display()
    )
}
