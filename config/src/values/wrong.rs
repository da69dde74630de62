//! Why a value cannot be used.

use std::fmt;

/// Characters of a user's word that are repeated in a message.
const QUOTED: usize = 60;
/// Characters of a message or a suggestion, which may repeat more than one word.
const LONGEST: usize = 400;

/// Why a value cannot be used, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, in one sentence without a final stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Wrong {
    /// A complaint without a suggestion.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: cut(&message.into(), LONGEST),
            help: None,
        }
    }

    /// The same complaint with a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(cut(&help.into(), LONGEST));
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Wrong {}

/// A user's word between backticks, made printable and cut where it is long.
#[must_use]
pub fn quoted(word: &str) -> String {
    format!("`{}`", cut(word, QUOTED))
}

/// The beginning of a text, with a sign where it was cut.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        cut.push('…');
    }
    printable(&cut)
}

/// The text with its control characters escaped, so that what the user wrote cannot drive a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_words_stay_printable() {
        assert_eq!(quoted("a\x1b[31mb"), "`a\\u{1b}[31mb`");
        assert_eq!(quoted(&"x".repeat(100)), format!("`{}…`", "x".repeat(60)));
    }
}
