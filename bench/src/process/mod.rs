//! Starting other programs, knowing what they cost, and stopping exactly those.

pub mod group;
pub mod launch;
pub mod usage;

pub use group::{Group, Program};
pub use usage::{Cost, Memory};
