//! What was found, and how it is shown.

pub mod chart;
pub mod json;
pub mod results;
pub mod summary;
pub mod table;
pub mod targets;
