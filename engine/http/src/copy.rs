//! Copying field lines from one head into another.

use std::ops::Range;

use crate::field::Field;
use crate::write::HeadWriter;

/// Copies field lines of a parsed head into one that is written, in their order, each as
/// `name: value`. Lines that are so already and follow one another are copied together.
pub struct FieldCopier<'c, 'w> {
    writer: &'c mut HeadWriter<'w>,
    from: &'c [u8],
    /// Lines that are still to be copied.
    run: Range<usize>,
}

impl<'c, 'w> FieldCopier<'c, 'w> {
    /// Copies out of `from`, the bytes that the head was parsed from.
    #[inline]
    pub fn new(writer: &'c mut HeadWriter<'w>, from: &'c [u8]) -> Self {
        Self {
            writer,
            from,
            run: 0..0,
        }
    }

    /// Copies a field's line. Nothing is sure to be written before [`FieldCopier::finish`].
    #[inline]
    pub fn copy(&mut self, field: &Field) {
        let line = field.name.start as usize..field.value.end() + 2;
        if !self.is_plain(field) {
            self.flush();
            let (name, value) = (field.name.of(self.from), field.value.of(self.from));
            self.writer.field(name, value);
        } else if line.start == self.run.end {
            self.run.end = line.end;
        } else {
            self.flush();
            self.run = line;
        }
    }

    /// Writes what is left.
    #[inline]
    pub fn finish(mut self) {
        self.flush();
    }

    /// Whether the line is written as we write one: a space before the value, none behind it.
    #[inline]
    fn is_plain(&self, field: &Field) -> bool {
        let (name_end, value_end) = (field.name.end(), field.value.end());
        field.value.start as usize == name_end + 2
            && self.from.get(name_end + 1) == Some(&b' ')
            && self.from.get(value_end..value_end + 2) == Some(b"\r\n")
    }

    #[inline]
    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            self.writer.lines(&self.from[run]);
        }
    }
}
