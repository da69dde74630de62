//! From text to a plan, and back.

mod effective;
mod interpolate;
mod locate;
mod lower;
mod quick;
mod read;
mod report;
pub(crate) mod schema;
mod step;
mod tree;

use toml::de::DeTable;

use crate::error::ConfigError;
use crate::error::problem::Problem;
use crate::limits;
use crate::load::locate::one_line;
use crate::load::lower::field::Given;
use crate::load::report::Report;
use crate::overrides::Overrides;
use crate::plan::Plan;

impl Plan {
    /// Reads, checks and resolves a configuration.
    ///
    /// `file_name` is only shown in errors. `env` is asked for each `${NAME}` in the text's strings, and for
    /// `XDG_RUNTIME_DIR` where the file does not say where the control socket is. `overrides` are the command line's
    /// flags, which win over the file.
    ///
    /// # Errors
    /// Everything that is wrong with the text, the variables or the flags, as far as it can be found in one go.
    pub fn load(
        text: &str,
        file_name: &str,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        load(text, env, overrides)
            .map_err(|(problems, more)| ConfigError::new(file_name, text, problems, more))
    }
}

/// Complaints, and how many more there would have been.
type Failed = (Vec<Problem>, usize);

fn load(text: &str, env: interpolate::Env<'_>, overrides: &Overrides) -> Result<Plan, Failed> {
    if text.len() > limits::TEXT {
        let message = format!("the configuration is {} bytes long", text.len());
        return Err((
            vec![of_text(
                message,
                Some(format!("at most {}", limits::TEXT)),
                0..0,
            )],
            0,
        ));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let more = errors.len().saturating_sub(limits::DIAGNOSTICS);
        return Err((
            errors
                .iter()
                .take(limits::DIAGNOSTICS)
                .map(|error| of_syntax(text, error))
                .collect(),
            more,
        ));
    }
    let mut problems = Vec::new();
    let mut tree = tree::build(table, text, env, &mut problems);
    let Some(file) = read::read(&mut tree, text, &mut problems) else {
        return Err((problems, 0));
    };
    let report = Report::new(&tree, text, problems);
    let plan = lower::plan(file, &report.root(), &Given { overrides, env });
    match report.finish() {
        (problems, _) if problems.is_empty() => Ok(plan),
        failed => Err(failed),
    }
}

fn of_syntax(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    of_text(error.message().to_owned(), None, one_line(text, span))
}

fn of_text(message: String, help: Option<String>, span: std::ops::Range<usize>) -> Problem {
    Problem {
        message,
        help,
        path: String::new(),
        span: Some(span),
        related: None,
    }
}
