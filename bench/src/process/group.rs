//! A program with all the processes that it starts, as one process group of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use crate::machine::Cpus;
use crate::process::usage::{self, Cost, Memory};

/// How long a program may take to stop when asked to; then it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// How often its end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Bytes of a program's last words that are shown.
const LAST_WORDS: usize = 600;

/// A program to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// What messages call it.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The CPUs that it may use.
    pub cpus: Cpus,
    /// Where its standard output goes.
    pub stdout: PathBuf,
    /// Where its standard error goes.
    pub stderr: PathBuf,
}

/// A running program. Dropping it stops it.
#[derive(Debug)]
pub struct Group {
    child: Child,
    leader: Pid,
    program: Program,
    stopped: bool,
}

impl Group {
    /// Starts `program` in a process group of its own.
    ///
    /// # Errors
    /// What the kernel says about the fork or the files. That the program itself cannot be run shows as its early end.
    pub fn start(program: Program) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("launch")
            .arg("--cpus")
            .arg(program.cpus.to_string())
            .arg("--")
            .args(&program.command);
        command
            .stdin(Stdio::null())
            .stdout(File::create(&program.stdout)?);
        command.stderr(
            File::options()
                .create(true)
                .append(true)
                .open(&program.stderr)?,
        );
        let child = command.process_group(0).spawn()?;
        let leader = Pid::from_child(&child);
        Ok(Self {
            child,
            leader,
            program,
            stopped: false,
        })
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Why it is no longer running: its last words. `None` while it runs.
    #[must_use]
    pub fn has_ended(&self) -> Option<String> {
        self.leader_is_gone()
            .then(|| format!("{} ended by itself: {}", self.name(), self.last_words()))
    }

    /// CPU time spent so far by all its processes and threads.
    ///
    /// # Errors
    /// That it has no process any more.
    pub fn cost(&self) -> io::Result<Cost> {
        usage::cost(&usage::members(self.leader)?)
    }

    /// Memory held by all its processes.
    ///
    /// # Errors
    /// That it has no process any more.
    pub fn memory(&self) -> io::Result<Memory> {
        usage::memory(&usage::members(self.leader)?)
    }

    /// Asks it to stop, waits, and kills what is left of the group.
    pub fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        // The leader stays a zombie until `wait` below, so neither its number nor its group's can be someone else's.
        let _ = kill_process(self.leader, Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline && !(self.leader_is_gone() && self.is_alone()) {
            thread::sleep(LOOK_EVERY);
        }
        if !(self.leader_is_gone() && self.is_alone()) {
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// Whether the leader has ended (and waits to be reaped).
    fn leader_is_gone(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(self.leader), look), Ok(None))
    }

    /// Whether the group has no member but the leader.
    fn is_alone(&self) -> bool {
        usage::members(self.leader)
            .is_ok_and(|pids| pids.iter().all(|pid| *pid == self.leader.as_raw_pid()))
    }

    /// The end of what it wrote to standard error.
    fn last_words(&self) -> String {
        let text = fs::read(&self.program.stderr).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(LAST_WORDS)..];
        String::from_utf8_lossy(tail).trim().replace('\n', " | ")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}
