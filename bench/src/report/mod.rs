//! What a comparison found, and how it is shown.

pub mod json;
pub mod summary;
pub mod table;
