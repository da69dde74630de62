//! Where the plan comes from, so that a reload can go there again.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ringfence_config::{ConfigError, Overrides, Plan, Quick};

use crate::failure::Failure;
use crate::terminal;

/// A configuration file longer than this is not one.
const MAX_FILE: u64 = 16 << 20;

/// Where the plan comes from.
#[derive(Debug)]
pub(crate) struct Source {
    origin: Origin,
    overrides: Overrides,
}

#[derive(Debug)]
enum Origin {
    File(PathBuf),
    Quick(Quick),
}

impl Source {
    /// A file, and the flags that win over it.
    pub(crate) fn file(path: PathBuf, overrides: Overrides) -> Self {
        Self {
            origin: Origin::File(path),
            overrides,
        }
    }

    /// Flags alone.
    pub(crate) fn quick(quick: Quick, overrides: Overrides) -> Self {
        Self {
            origin: Origin::Quick(quick),
            overrides,
        }
    }

    /// The file, by its absolute path; nothing for flags alone.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::File(path) => std::path::absolute(path).ok(),
            Origin::Quick(_) => None,
        }
    }

    /// Reads and checks the whole configuration, as it is now.
    ///
    /// # Errors
    /// When the file can't be read, or something in it or in the flags is wrong.
    pub(crate) fn load(&self) -> Result<Plan, Failure> {
        let variable = |name: &str| std::env::var(name).ok();
        let plan = match &self.origin {
            Origin::Quick(quick) => Plan::quick(quick, &variable, &self.overrides),
            Origin::File(path) => {
                let text = read(path)?;
                Plan::load(
                    &text,
                    &path.display().to_string(),
                    &variable,
                    &self.overrides,
                )
            }
        };
        plan.map_err(|error| self.refused(&error))
    }

    /// A bad flag where all complaints are about flags, else a bad file.
    fn refused(&self, error: &ConfigError) -> Failure {
        let text = error.render(terminal::stderr_takes_colour());
        let flags_only = match &self.origin {
            Origin::Quick(_) => true,
            Origin::File(_) => error
                .diagnostics()
                .iter()
                .all(|complaint| complaint.line.is_none()),
        };
        match flags_only {
            true => Failure::misuse(text).laid_out(),
            false => Failure::new(text).laid_out(),
        }
    }

    /// Says that the list of CPUs is wrong: a bad flag where it was one, else a bad file.
    pub(crate) fn blame_cpus(&self, text: String) -> Failure {
        match self.overrides.cpus {
            Some(_) => Failure::misuse(text).hint("change --cpus"),
            None => Failure::new(text).hint("change `cpus` in [workers], or give --cpus"),
        }
    }

    /// Says that a listener can't be had.
    pub(crate) fn blame_listener(&self, error: &io::Error) -> Failure {
        let failure = Failure::new(error.to_string());
        match (&self.origin, error.kind()) {
            (Origin::Quick(_), io::ErrorKind::AddrInUse) => {
                failure.hint("choose another address with --from, such as --from 127.0.0.1:8081")
            }
            (Origin::File(_), io::ErrorKind::AddrInUse) => failure
                .hint("choose another `address` under [[listener]], or stop the other process"),
            _ => failure,
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    match read {
        Ok(len) if len as u64 > MAX_FILE => Err(Failure::new(format!(
            "{} is longer than {MAX_FILE} bytes",
            path.display()
        ))),
        Ok(_) => Ok(text),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("cannot read {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::NotFound => failure.hint("name the file with -c FILE"),
        io::ErrorKind::InvalidData => failure.hint("a configuration file is UTF-8 text"),
        _ => failure,
    }
}
