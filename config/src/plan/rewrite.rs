//! Changing the beginning of a path.

/// A change of the path's beginning, at a segment boundary. The result always begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The prefix to take away, without a final slash; empty = none.
    pub from: String,
    /// What takes its place, without a final slash; empty = nothing (`strip_prefix`).
    pub to: String,
}

impl Rewrite {
    /// Appends the changed path to `out`. A path that does not begin with the prefix, and `*`, is left alone:
    /// nothing is appended and the answer is `false`.
    #[must_use]
    pub fn apply(&self, path: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(rest) = path.strip_prefix(self.from.as_bytes()) else {
            return false;
        };
        if !path.starts_with(b"/") || !matches!(rest.first(), None | Some(b'/')) {
            return false;
        }
        out.extend_from_slice(self.to.as_bytes());
        if rest.is_empty() && self.to.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(rest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewritten(from: &str, to: &str, path: &str) -> Option<String> {
        let mut out = Vec::new();
        let rewrite = Rewrite {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        rewrite
            .apply(path.as_bytes(), &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn strips_and_replaces_whole_segments() {
        for (from, to, path, expected) in [
            ("/api", "", "/api/x", Some("/x")),
            ("/api", "", "/api", Some("/")),
            ("/api", "", "/api/", Some("/")),
            ("/api", "", "/apis", None),
            ("/api", "", "/other", None),
            ("/api", "/v2", "/api", Some("/v2")),
            ("/api", "/v2", "/api/x", Some("/v2/x")),
            ("", "/v2", "/", Some("/v2/")),
            ("", "/v2", "/x", Some("/v2/x")),
            ("", "/v2", "*", None),
        ] {
            assert_eq!(
                rewritten(from, to, path).as_deref(),
                expected,
                "{from} {to} {path}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_path_stays_a_path(from in "(/[ab]{1,2}){0,2}", to in "(/[ab]{1,2}){0,2}", path in "(/[ab]{0,2}){1,4}") {
            if let Some(out) = rewritten(&from, &to, &path) {
                prop_assert!(out.starts_with('/'));
            }
        }
    }
}
