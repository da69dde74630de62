//! The commands that look at a configuration and start nothing.

use std::fmt::Write;

use clap::CommandFactory;
use ringfence_config::{Action, Plan};

use crate::cli::{Cli, ConfigArgs, FileArgs};
use crate::failure::Failure;
use crate::serve::UpstreamLine;
use crate::source::Source;
use crate::terminal::print;

/// `check`: silent about nothing, exit 0 where the file is good.
pub(crate) fn check(args: FileArgs) -> Result<(), Failure> {
    let name = args.file.path.display().to_string();
    let plan = Source::file(args.file.path, args.tuning.overrides()).load()?;
    print(&format!(
        "{name} is good: {}, {}, {}\n",
        count(plan.listeners.len(), "listener"),
        count(plan.routes.len(), "route"),
        count(plan.upstreams.len(), "upstream"),
    ))
}

/// `config`: the outline of the file, or with `--effective` all of it.
pub(crate) fn config(args: ConfigArgs) -> Result<(), Failure> {
    let plan = Source::file(args.file.path, args.tuning.overrides()).load()?;
    match args.effective {
        true => print(&plan.effective()),
        false => print(&outline(&plan)),
    }
}

/// `schema`.
pub(crate) fn schema() -> Result<(), Failure> {
    print(&ringfence_config::schema())
}

/// `completions`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringfence", &mut script);
    print(&String::from_utf8_lossy(&script))
}

fn outline(plan: &Plan) -> String {
    let mut text = String::new();
    for listener in &plan.listeners {
        // Writing to a string does not fail.
        let _ = writeln!(text, "listener {}", listener.address);
    }
    for route in &plan.routes {
        let target = match &route.action {
            Action::Upstream(id) => format!("upstream {}", plan.upstream(*id).name),
            Action::Redirect { status, .. } => format!("redirect ({status})"),
            Action::Respond { status, .. } => format!("fixed response ({status})"),
        };
        let _ = writeln!(text, "route {}: {target}", route.name);
    }
    for upstream in &plan.upstreams {
        let _ = writeln!(text, "upstream {}", UpstreamLine(upstream));
    }
    text
}

fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}
