//! What is said about a configuration that cannot be used.

mod excerpt;
pub(crate) mod problem;
mod render;

use std::fmt;
use std::sync::Arc;

use crate::error::problem::Problem;

/// Everything that is wrong with a configuration, as far as it could be found in one go. At least one complaint.
#[derive(Debug, Clone)]
pub struct ConfigError {
    file: String,
    text: Arc<str>,
    problems: Vec<Problem>,
    /// Complaints beyond [`crate::limits::DIAGNOSTICS`].
    more: usize,
}

/// One complaint, for machines. [`ConfigError::render`] is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the file's structure: `upstream.app.servers[1].weight`; or the flag: `--workers`. Empty for errors of syntax.
    pub path: String,
    /// The line, from 1; `None` for an error of a flag.
    pub line: Option<usize>,
    /// The column, in characters from 1; `None` for an error of a flag.
    pub column: Option<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl ConfigError {
    /// Puts the complaints into the order of the file.
    pub(crate) fn new(file: &str, text: &str, mut problems: Vec<Problem>, more: usize) -> Self {
        debug_assert!(!problems.is_empty(), "an error says what is wrong");
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        Self {
            file: file.to_owned(),
            text: text.into(),
            problems,
            more,
        }
    }

    /// The complaints, in the order of the file; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.problems
            .iter()
            .map(|problem| self.diagnostic(problem))
            .collect()
    }

    /// The complaints for a person: file, line, the line's text, a caret, and a suggestion. With `colours`, ANSI escapes.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let mut out = String::new();
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            render::problem(&self.file, &self.text, problem, colours, &mut out);
        }
        if self.more > 0 {
            out.push_str(&format!("\n… and {} more\n", self.more));
        }
        out
    }

    fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        let place = problem
            .span
            .as_ref()
            .map(|span| position(&self.text, span.start));
        Diagnostic {
            message: problem.message.clone(),
            path: problem.path.clone(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            help: problem.help.clone(),
        }
    }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

impl fmt::Display for ConfigError {
    /// One complaint a line: `file:line:column: path: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            if let Some(span) = &problem.span {
                let (line, column) = position(&self.text, span.start);
                write!(f, "{}:{line}:{column}: ", self.file)?;
            }
            if !problem.path.is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            f.write_str(&problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}
