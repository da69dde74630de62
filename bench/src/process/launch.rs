//! The last step before another program runs: the pinned, bounded room that it starts in.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::machine::{Cpus, raise_descriptor_limit};

/// Becomes `command`, kept on `cpus`, with as many descriptors as are allowed, and ended by the kernel should the
/// comparison die before it could stop it. Returns only if that fails.
pub fn become_program(cpus: &Cpus, command: &[OsString]) -> io::Error {
    let Some((program, args)) = command.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no program to start");
    };
    raise_descriptor_limit();
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    if let Err(error) = cpus.pin_this_thread() {
        return error;
    }
    Command::new(program).args(args).exec()
}
