//! Words from a fixed list, and what to say about a word that is not in it.

use crate::values::wrong::{Wrong, quoted};

/// The candidate most like `word`, if any is like it enough to be worth suggesting.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.75;
    /// A longer word is no typing mistake, and comparing it costs quadratic time.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    candidates
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (alike(&lower, candidate), candidate))
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The complaint about a word that is in no list.
pub fn unknown<'a>(
    what: &str,
    word: &str,
    allowed: impl Iterator<Item = &'a str> + Clone,
) -> Wrong {
    let wrong = Wrong::new(format!("unknown {what} {}", quoted(word)));
    match nearest(word, allowed.clone()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None => wrong.help(format!("one of {}", listed(allowed))),
    }
}

/// At most a dozen words between backticks.
pub fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut words: Vec<String> = words
        .take(SHOWN + 1)
        .map(|word| format!("`{word}`"))
        .collect();
    if words.len() > SHOWN {
        words[SHOWN] = "…".to_owned();
    }
    words.join(", ")
}

/// From 0 (nothing in common) to 1 (the same), whatever stands between the words.
fn alike(a: &str, b: &str) -> f64 {
    let bare = |word: &str| word.replace(['-', ' '], "_");
    strsim::jaro_winkler(&bare(a), b)
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
            type Err = $crate::values::wrong::Wrong;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::values::words::unknown($what, word, Self::WORDS.iter().copied())),
                }
            }
        }

        impl $crate::values::scalar::FromScalar for $type {
            const WHAT: &'static str = concat!("a ", $what);

            fn from_text(word: &str) -> Result<Self, $crate::values::wrong::Wrong> {
                word.parse()
            }

            fn schema() -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": Self::WORDS })
            }
        }

        impl $crate::values::scalar::ToScalar for $type {
            fn to_scalar(&self) -> $crate::values::scalar::Written {
                self.as_str().to_owned().into()
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::upstream::Balance;

    #[test]
    fn a_near_word_is_suggested() {
        let wrong = "least_con".parse::<Balance>().unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "unknown balancer `least_con` (did you mean `least_conn`?)"
        );
        assert_eq!(
            nearest("Round-Robin", Balance::WORDS.iter().copied()),
            Some("round_robin")
        );
    }

    #[test]
    fn a_far_word_gets_the_list() {
        let wrong = "zzz".parse::<Balance>().unwrap_err();
        assert!(
            wrong
                .help
                .unwrap()
                .starts_with("one of `round_robin`, `weighted`")
        );
    }

    #[test]
    fn every_word_parses_to_its_variant() {
        for balance in Balance::ALL {
            assert_eq!(balance.as_str().parse(), Ok(*balance));
        }
    }
}
