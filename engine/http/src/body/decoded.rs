//! The answer of a decoder.

use std::ops::Range;

/// What one call of [`crate::BodyDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Where the data lies in the input. Chunked data was moved together, so that it is one range.
    pub data: Range<usize>,
    /// Bytes of the input that were used up; what follows belongs to the next message.
    pub consumed: usize,
    /// True once the body, with its trailer section, is complete.
    pub done: bool,
}
