//! What of a body has come, in one memory after another.

use bytes::Bytes;
use smallvec::SmallVec;

/// A stretch of a body: views of the memories that it lies in, in their order. Each memory is filled from its start before the
/// next one is begun, so that only the last view may come to show more.
#[derive(Clone, Default)]
pub(crate) struct Stretch {
    parts: SmallVec<[Part; 1]>,
    /// Where it ends, in bytes from the start of the body.
    end: usize,
}

/// What of one memory is there.
#[derive(Clone)]
struct Part {
    /// Where it begins, in bytes from the start of the body.
    start: usize,
    bytes: Bytes,
}

impl Part {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

impl Stretch {
    /// Where it ends, in bytes from the start of the body.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Takes in what is there of the memory that begins at `start`: the last one, or one behind that.
    pub(crate) fn put(&mut self, start: usize, bytes: Bytes) {
        if self.parts.last().is_some_and(|last| last.start == start) {
            self.parts.pop();
        }
        let part = Part { start, bytes };
        debug_assert!(part.end() >= self.end, "what is there stays");
        self.end = part.end();
        self.parts.push(part);
    }

    /// Takes in what has come since, as [`Self::since`] gives it.
    pub(crate) fn merge(&mut self, newer: Self) {
        for part in newer.parts {
            self.put(part.start, part.bytes);
        }
    }

    /// What is there behind the first `told` bytes, with what lies before that in the same memory.
    pub(crate) fn since(&self, told: usize) -> Self {
        Self {
            parts: self.parts[self.first_behind(told)..].into(),
            end: self.end,
        }
    }

    /// What is there behind the first `taken` bytes, as far as it lies in one memory.
    pub(crate) fn behind(&self, taken: usize) -> Bytes {
        match self.parts.get(self.first_behind(taken)) {
            Some(part) => part.bytes.slice(taken - part.start..),
            None => Bytes::new(),
        }
    }

    /// Lets memories go of which nothing is wanted behind the first `taken` bytes; the last one may be filled yet.
    pub(crate) fn let_go(&mut self, taken: usize) {
        let gone = self.first_behind(taken);
        self.parts
            .drain(..gone.min(self.parts.len().saturating_sub(1)));
    }

    /// All that is there, memory by memory.
    pub(crate) fn runs(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.parts.iter().map(|part| &part.bytes)
    }

    fn first_behind(&self, taken: usize) -> usize {
        self.parts.partition_point(|part| part.end() <= taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[(usize, &'static [u8])]) -> Stretch {
        let mut stretch = Stretch::default();
        for (start, bytes) in parts {
            stretch.put(*start, Bytes::from_static(bytes));
        }
        stretch
    }

    fn runs(stretch: &Stretch) -> Vec<&[u8]> {
        stretch.runs().map(|run| &**run).collect()
    }

    #[test]
    fn the_last_view_is_replaced_by_one_that_shows_more() {
        let stretch = of(&[(0, b"ab"), (0, b"abc"), (3, b"d"), (3, b"de")]);
        assert_eq!(runs(&stretch), [&b"abc"[..], b"de"]);
        assert_eq!(stretch.end(), 5);
    }

    #[test]
    fn it_is_read_memory_by_memory() {
        let stretch = of(&[(0, b"abc"), (3, b"de")]);
        for (taken, rest) in [(0, "abc"), (2, "c"), (3, "de"), (4, "e"), (5, "")] {
            assert_eq!(stretch.behind(taken), rest);
        }
    }

    #[test]
    fn who_was_told_of_a_part_comes_to_the_same_by_what_came_since() {
        let steps: [(usize, &[u8]); 5] =
            [(0, b"a"), (0, b"abc"), (3, b"d"), (3, b"def"), (6, b"g")];
        for from in 0..=steps.len() {
            for to in from..=steps.len() {
                let (mut told, newer) = (of(&steps[..from]), of(&steps[..to]));
                told.merge(newer.since(told.end()));
                assert_eq!(runs(&told), runs(&newer), "{from} {to}");
                assert_eq!(told.end(), newer.end());
            }
        }
    }

    #[test]
    fn what_nobody_wants_any_more_is_let_go_but_for_the_last() {
        let all = of(&[(0, b"abc"), (3, b"de"), (5, b"f")]);
        for (taken, left) in [(0, 3), (2, 3), (3, 2), (4, 2), (5, 1), (6, 1)] {
            let mut stretch = all.clone();
            stretch.let_go(taken);
            assert_eq!(stretch.runs().len(), left, "{taken}");
            assert_eq!(stretch.end(), 6);
            assert_eq!(stretch.behind(taken), all.behind(taken));
        }
    }
}
