//! The access log's writer: a thread of its own, because a disk or a pipe may block.

mod sink;
mod stream;
mod writer;

pub(crate) use sink::Sink;
pub(crate) use writer::{LogWriter, Source};
