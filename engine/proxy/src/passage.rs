//! Receiving a body that is to be passed on: what nobody need look at stays with the kernel, where it
//! is much.

use std::io;

use ringfence_io::{Received, Stream};

use crate::body::Body;
use crate::worker::Worker;

/// Fewer bytes than this cost less to copy than to move.
const LEAST_MOVED: usize = 32 << 10;

/// Receives more of `body`, by the receive deadline that is set; empty bytes are the end of `from`.
///
/// # Errors
/// As [`Stream::recv`].
pub(crate) fn receive<'s>(
    from: &'s Stream,
    body: &Body,
    worker: &Worker,
) -> impl Future<Output = io::Result<Received>> + use<'s> {
    let most = body.expected().min(worker.piece());
    let unseen = body.unseen().min(most) >= LEAST_MOVED;
    async move {
        match unseen {
            true => from.recv_piped(most).await,
            false => from.recv_sized(most).await.map(Received::Bytes),
        }
    }
}
