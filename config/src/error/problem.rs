//! One complaint.

use std::ops::Range;

/// One complaint, with its bytes in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) path: String,
    pub(crate) span: Option<Range<usize>>,
    /// Another place that it is about, and what to say there.
    pub(crate) related: Option<(Range<usize>, String)>,
}
