//! Values as users write them: addresses, words from a fixed list. The bottom of the crate.

pub mod endpoint;
pub mod words;
