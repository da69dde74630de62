//! Values as users write them, in the file and in flags. The bottom of the crate.

pub mod address;
pub mod amount;
pub mod cpus;
pub mod duration;
pub mod endpoint;
pub mod host;
pub mod link;
pub mod media;
pub mod off;
pub mod paths;
pub mod query;
pub mod scalar;
pub mod status;
pub mod token;
pub mod words;
pub mod wrong;
