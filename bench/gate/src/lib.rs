//! What a request and an idle connection cost the proxy itself, in figures that do not depend on the machine's mood:
//! instructions (the program of this crate, under callgrind), allocations and memory (its tests).
//!
//! | module | holds |
//! |---|---|
//! | `messages` | the requests and the answers that are exchanged again and again |
//! | `worker` | the real request path, ready to run |
//! | `dialogue` | a fixed number of exchanges on the simulated network |
//! | `callgrind` | running that under valgrind, and reading what it counted |
//! | `figure` | the committed figures, and the verdict |

pub mod callgrind;
pub mod dialogue;
pub mod figure;
pub mod messages;
pub mod worker;
