//! Path parameters.

use crate::limits;
use crate::matching::{PathPattern, Segment};

/// As many as a path may have, and its final star.
const MOST: usize = limits::PARAMS + 1;

/// Path parameters, as views into the path. Allocates nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Params<'a> {
    values: [(&'a str, &'a [u8]); MOST],
    count: usize,
}

impl<'a> Params<'a> {
    /// The value of a parameter; `*` is what a final `/*` stands for, without a slash before it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Every parameter, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.values[..self.count].iter().copied()
    }

    /// Reads the parameters of `pattern`, which matches `path`.
    pub(crate) fn capture(pattern: &'a PathPattern, path: &'a [u8]) -> Self {
        let mut rest = path.strip_prefix(b"/");
        let mut params = Self::default();
        for segment in &pattern.segments {
            let Some(bytes) = rest else { break };
            let end = bytes
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(bytes.len());
            if let Segment::Param(name) = segment {
                params.push(name, &bytes[..end]);
            }
            rest = bytes.get(end + 1..);
        }
        if pattern.open {
            params.push("*", rest.unwrap_or_default());
        }
        params
    }

    fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.values[self.count] = (name, value);
        self.count += 1;
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Params<'a> {
    /// Takes as many as a path may have, and leaves the rest.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(values: I) -> Self {
        let mut params = Self::default();
        for (name, value) in values.into_iter().take(MOST) {
            params.push(name, value);
        }
        params
    }
}
