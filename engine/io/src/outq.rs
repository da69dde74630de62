//! How much a socket still holds for its peer.
#![expect(unsafe_code, reason = "rustix has the call, but not this request")]

use std::ffi::c_int;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `TIOCOUTQ`, which is `SIOCOUTQ` for a socket.
const TIOCOUTQ: Opcode = 0x5411;

/// Bytes that were sent and that the peer has not acknowledged; 0 where the kernel does not say.
pub(crate) fn outq(socket: impl AsFd) -> usize {
    // SAFETY: this request stores one `int`, for every kind of descriptor that knows it.
    let request = unsafe { Getter::<TIOCOUTQ, c_int>::new() };
    // SAFETY: the request only reads the state of a descriptor that is borrowed, hence open.
    let queued = unsafe { ioctl(socket, request) };
    queued.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(0))
}
