//! The control plane: admin listener, metrics, health checks, name resolution and log writing.
//!
//! All of it runs on three threads of its own and never on a worker: one with a tokio runtime for what waits on sockets,
//! and one each for the access log and for notices, whose writes may block. [`Control`] is the handle; [`Host`] is what the control plane asks of
//! the process that it runs in.
//!
//! | module | what it does |
//! |---|---|
//! | `control` | the handle: starts, adopts a new plan, stops |
//! | `opening` | what a plan needs opened, before anything is changed |
//! | `plane` | the control thread |
//! | `admin` | `/health`, `/metrics`, `/cache` and `/explain` over TCP, commands over the control socket |
//! | `purge`, `explain` | what a purge is asked to cover, and of what request an explanation is wanted |
//! | `serve`, `guests`, `socket` | bounded HTTP serving; who is connected; the control socket's file |
//! | `warm` | asks for URLs before a client does, as the plan or the command line says |
//! | `check` | active checks, and the end of ejections |
//! | `resolve` | server names to addresses, again at their TTL |
//! | `log` | drains the workers' queues into the access log |
//! | `notice` | what the operator is told on standard error |
//! | [`client`] | how the command line speaks to a running process |

mod admin;
mod check;
pub mod client;
mod control;
mod error;
mod exchange;
mod explain;
mod guests;
mod host;
mod log;
mod notice;
mod opening;
mod plane;
mod process;
mod purge;
mod random;
mod resolve;
mod scene;
mod serve;
mod socket;
mod task;
#[cfg(test)]
mod testing;
mod trouble;
mod warm;

pub use control::{Control, Start};
pub use error::StartError;
pub use explain::Explain;
pub use host::{Host, Workers};
pub use notice::{flush_notices, notice, tell};
pub use purge::Purge;
pub use resolve::resolve;
pub use scene::{Crowd, Scene};
pub use warm::{Sources, Tally, Watch};
