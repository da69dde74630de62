//! The side-by-side comparison: origins, proxies and load on one machine, every answer checked, costs read from the
//! kernel. `README.md` says how to run it and what it measures.

pub mod body;
pub mod cli;
pub mod compare;
pub mod ground;
pub mod growth;
pub mod load;
pub mod machine;
pub mod options;
pub mod origin;
pub mod peer;
pub mod port;
pub mod process;
pub mod report;
pub mod round;
pub mod scenario;
pub mod setting;
pub mod stats;
pub mod template;
pub mod wrk;
