//! Ports that nobody has.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first port that is tried.
const FIRST: u16 = 18_000;
/// How far apart processes begin, so that those running beside each other do not try the same ports.
const STRIDE: u32 = 61;

/// A port that is free on every address. It lies below the range from which the kernel takes the ports of outgoing
/// connections, so that none of ours takes it before it is listened on.
///
/// # Errors
/// That there is none.
pub fn free() -> io::Result<u16> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let end = outgoing_range_start().max(FIRST + 1);
    let count = u32::from(end - FIRST);
    for _ in 0..count {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let offset = process::id().wrapping_mul(STRIDE).wrapping_add(tried) % count;
        // `offset` is less than `count`, which came from a u16.
        let port = FIRST + offset as u16;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other(format!(
        "no port from {FIRST} to {end} is free"
    )))
}

/// Where the range of outgoing connections' ports begins.
fn outgoing_range_start() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let start = range.split_ascii_whitespace().next();
    start.and_then(|start| start.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let (one, two) = (free().unwrap(), free().unwrap());
        assert_ne!(one, two);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, one)).is_ok());
    }
}
