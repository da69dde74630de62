//! Formatted text into bytes.

use std::fmt;

/// Bytes that `write!` appends to; never an error.
pub(super) struct Line<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
