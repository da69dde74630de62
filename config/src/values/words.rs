//! Words from a fixed list, and what to say about a word that is not in it.

use std::fmt;

/// A word that none of the allowed ones equals, with the nearest allowed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// What the word was to name, for example `balancer`.
    pub what: &'static str,
    /// The word as it was written.
    pub word: String,
    /// Every allowed word.
    pub allowed: &'static [&'static str],
}

impl UnknownWord {
    /// The allowed word that is nearest to what was written, if one is near.
    #[must_use]
    pub fn nearest(&self) -> Option<&'static str> {
        nearest(&self.word, self.allowed.iter().copied())
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`", self.what, self.word)?;
        match self.nearest() {
            Some(near) => write!(f, ", did you mean `{near}`?"),
            None => write!(f, ", expected one of: {}", self.allowed.join(", ")),
        }
    }
}

impl std::error::Error for UnknownWord {}

/// The candidate most like `word`, if any is like it enough to be worth suggesting.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.75;
    let lower = word.to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&lower, candidate), candidate))
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Gives an enum of bare words its list of words, `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($type:ident, $what:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every word, in the order in which they are documented.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// Every variant, in the same order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands for this in the file, in flags and in logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::values::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::values::words::UnknownWord {
                        what: $what,
                        word: word.to_owned(),
                        allowed: Self::WORDS,
                    }),
                }
            }
        }
    };
}
pub(crate) use words;
