//! What can be wrong with an answer. Any one of these makes a run void.

use serde::Serialize;

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection was refused, reset or otherwise broken.
    Broken,
    /// The peer closed before the whole answer had come, or an idle connection without announcing it.
    ClosedEarly,
    /// An answer came before the request was sent.
    TooEarly,
    /// The answer was no HTTP, or had no `Content-Length`.
    BadHead,
    /// The status was not 200.
    WrongStatus,
    /// The body had another length, or other bytes.
    WrongBody,
    /// The answer had not come when the run ended and a grace time after it.
    Unanswered,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 7] = [
        Self::Broken,
        Self::ClosedEarly,
        Self::TooEarly,
        Self::BadHead,
        Self::WrongStatus,
        Self::WrongBody,
        Self::Unanswered,
    ];

    /// What the table calls it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Broken => "connection broken",
            Self::ClosedEarly => "closed early",
            Self::TooEarly => "answered too early",
            Self::BadHead => "bad response head",
            Self::WrongStatus => "status not 200",
            Self::WrongBody => "wrong body",
            Self::Unanswered => "unanswered",
        }
    }
}

/// How often each fault happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// Counts one.
    pub fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// In words, such as `3 × wrong body`; empty where there is none.
    #[must_use]
    pub fn words(&self) -> String {
        let counted = Fault::ALL
            .iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0);
        counted
            .map(|(fault, count)| format!("{count} × {}", fault.word()))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_count_and_speak() {
        let mut faults = Faults::default();
        assert_eq!((faults.total(), faults.words()), (0, String::new()));
        faults.add(Fault::WrongBody);
        let mut more = Faults::default();
        more.add(Fault::WrongBody);
        more.add(Fault::Broken);
        faults.merge(&more);
        assert_eq!(faults.total(), 3);
        assert_eq!(faults.words(), "1 × connection broken, 2 × wrong body");
    }
}
