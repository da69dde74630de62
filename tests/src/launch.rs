//! Starting the binary: where it is, which driver the suite asks for, what every test's
//! configuration has in common.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Outcome, Ringfence};
use crate::tempdir::TempDir;

/// A command line about to be started.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    dir: TempDir,
}

impl Launch {
    /// `ringfence run` on this configuration with two workers; see [`complete`].
    pub fn config(text: &str) -> Launch {
        Launch::config_on(2, text)
    }

    /// The same with so many workers.
    pub fn config_on(workers: usize, text: &str) -> Launch {
        let mut launch = Launch::command(&["run", "-c"]);
        let file = launch.dir.path().join("ringfence.toml");
        std::fs::write(&file, complete(text, launch.dir.path())).expect("write the configuration");
        let workers = workers.to_string();
        launch.command.arg(file).args(["--workers", &workers]);
        launch.driver()
    }

    /// Any command line. Only the arguments are given; no driver is chosen, no file is made.
    pub fn command(args: &[&str]) -> Launch {
        let mut command = Command::new(binary());
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // What the suite itself was started with must not leak into the tests.
        for (name, _) in std::env::vars() {
            if name.starts_with("RINGFENCE_") {
                command.env_remove(name);
            }
        }
        let dir = TempDir::new();
        // Nor may two tests meet at a default path.
        command
            .current_dir(dir.path())
            .env("XDG_RUNTIME_DIR", dir.path());
        Launch { command, dir }
    }

    /// Asks for the driver that the suite runs on.
    pub fn driver(self) -> Launch {
        match suite_driver() {
            Some(driver) => self.args(&["--driver", &driver]),
            None => self,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, args: &[&str]) -> Launch {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Launch {
        self.command.env(name, value);
        self
    }

    /// Runs inside a network namespace.
    pub fn in_namespace(self, namespace: &str) -> Launch {
        self.within("ip", &["netns", "exec", namespace])
    }

    /// Runs with a limit on open descriptors.
    pub fn with_descriptors(self, most: u32) -> Launch {
        self.within("prlimit", &[&format!("--nofile={most}:{most}")])
    }

    /// Runs as what another program is to execute in its own place.
    fn within(mut self, program: &str, args: &[&str]) -> Launch {
        let mut outer = Command::new(program);
        outer.args(args).arg(self.command.get_program());
        outer.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        outer.current_dir(self.dir.path());
        outer
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command = outer;
        self
    }

    /// The directory that the process will run in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it and waits until it says that it is ready.
    #[track_caller]
    pub fn start(self) -> Ringfence {
        Ringfence::spawn(self.command, self.dir)
    }

    /// Runs it to its end, which must come soon.
    #[track_caller]
    pub fn finish(self) -> Outcome {
        Outcome::of(self.command)
    }
}

/// Runs the binary with these arguments to its end.
#[track_caller]
pub fn command(args: &[&str]) -> Outcome {
    Launch::command(args).finish()
}

impl Ringfence {
    /// Starts `ringfence run` on this configuration; see [`complete`] for what is added to it.
    #[track_caller]
    pub fn start(config: &str) -> Ringfence {
        Launch::config(config).start()
    }

    /// Replaces the configuration file, without a word to the process.
    pub fn rewrite(&self, config: &str) {
        std::fs::write(self.file(), complete(config, self.dir())).expect("write the file");
    }

    /// Runs `ringfence COMMAND --control SOCKET` against it.
    #[track_caller]
    pub fn control(&self, subcommand: &str) -> Outcome {
        let socket = self.dir().join("control.sock");
        command(&[subcommand, "--control", &socket.display().to_string()])
    }

    /// Replaces the configuration file and reloads it, which must succeed.
    #[track_caller]
    pub fn reload(&self, config: &str) {
        self.rewrite(config);
        self.control("reload").succeeded();
    }
}

/// Completes a test's configuration with what nearly all tests have in common: a control socket
/// and an admin listener of their own and no access log, each unless the test says otherwise.
/// `@dir@` stands for the test's own directory.
pub fn complete(text: &str, dir: &Path) -> String {
    let mut all = text.to_string();
    if !text.contains("[admin]") {
        all.push_str("\n[admin]\nlisten = \"127.0.0.1:0\"\ncontrol = \"@dir@/control.sock\"\n");
    }
    if !text.contains("[access_log]") {
        all.push_str("\n[access_log]\nformat = \"off\"\n");
    }
    all.replace("@dir@", &dir.display().to_string())
}

/// The driver that the whole suite is told to use: `native`, `monoio`, `epoll`, or the binary's own choice.
pub fn suite_driver() -> Option<String> {
    std::env::var("RINGFENCE_TEST_DRIVER")
        .ok()
        .filter(|driver| !driver.is_empty())
}

/// Where the binary is: `RINGFENCE_BIN`, or beside the test executable.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("RINGFENCE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the path of the test");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/deps/TEST");
    let path = profile.join("ringfence");
    assert!(
        path.exists(),
        "{} is not there: run `cargo build` first",
        path.display()
    );
    path
}
