//! What is said about a configuration that cannot be used.

use std::fmt;

/// Everything that is wrong with a configuration, as far as it could be found in one go.
#[derive(Debug, Clone)]
pub struct ConfigError {
    diagnostics: Vec<Diagnostic>,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the file's structure, dotted: `upstream.app.servers[1].weight`. Empty for errors of syntax and of flags.
    pub path: String,
    /// The line, from 1; `None` for an error of a flag.
    pub line: Option<usize>,
    /// The column, in characters from 1; `None` for an error of a flag.
    pub column: Option<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl ConfigError {
    /// The complaints, in the order of the file; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The complaints for a person: file, line, the line's text, a caret, and a suggestion. With `colours`, ANSI escapes.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let _ = colours;
        self.to_string()
    }
}

impl fmt::Display for ConfigError {
    /// One complaint a line: `file:line:column: path: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}: {}", diagnostic.path, diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
