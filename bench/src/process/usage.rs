//! What a process group costs, read from `/proc` (see proc(5)).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::ops::Sub;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;

/// CPU time of a group: all its processes with all their threads, the ended ones too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Memory of a group, in bytes. Pages that its processes share count for each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident now (`VmRSS`).
    pub now: u64,
    /// The most that was ever resident (`VmHWM`).
    pub peak: u64,
}

/// The processes of the group that `leader` leads, the zombies among them too.
pub(crate) fn members(leader: Pid) -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // A process that ended between the listing and the reading is no member.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        if Stat::parse(&text).is_some_and(|stat| stat.group == leader.as_raw_pid()) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// CPU time of `pids`. Their children that have ended count, so that no work is lost with a worker.
pub(crate) fn cost(pids: &[i32]) -> io::Result<Cost> {
    let tick = Duration::from_secs(1)
        / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100);
    let mut cost = Cost::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let stat = Stat::parse(&text)
            .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat: {text}")))?;
        cost.user += tick * stat.user;
        cost.system += tick * stat.system;
    }
    if pids.is_empty() {
        Err(io::Error::other("no process is left"))
    } else {
        Ok(cost)
    }
}

/// Memory of `pids`, with the files in memory that have no name and that only they can reach.
pub(crate) fn memory(pids: &[i32]) -> io::Result<Memory> {
    let mut memory = Memory::default();
    let (mut mapped, mut files) = (0, HashMap::new());
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
        memory.now += kibibytes(&text, "VmRSS:") * 1024;
        memory.peak += kibibytes(&text, "VmHWM:") * 1024;
        mapped += kibibytes(&text, "RssShmem:") * 1024;
        files.extend(nameless_files(*pid));
    }
    // What is mapped of them is resident already.
    let unmapped = files.values().sum::<u64>().saturating_sub(mapped);
    memory.now += unmapped;
    memory.peak += unmapped;
    if pids.is_empty() {
        Err(io::Error::other("no process is left"))
    } else {
        Ok(memory)
    }
}

/// The files of memfd_create(2) that a process holds, by their numbers, with the bytes that they take. The process may end
/// meanwhile, and then has none.
fn nameless_files(pid: i32) -> Vec<(u64, u64)> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let is_nameless = |link: &PathBuf| {
        fs::read_link(link).is_ok_and(|file| file.as_os_str().as_bytes().starts_with(b"/memfd:"))
    };
    let links = entries.flatten().map(|entry| entry.path());
    let files = links.filter(is_nameless).filter_map(|link| {
        let file = fs::metadata(link).ok()?;
        Some((file.ino(), file.blocks() * BLOCK))
    });
    files.collect()
}

/// Bytes of a block as stat(2) counts them.
const BLOCK: u64 = 512;

/// The fields of `/proc/PID/stat` that we need.
struct Stat {
    /// The process group.
    group: i32,
    /// Ticks in user mode, with ended children that were waited for.
    user: u32,
    /// Ticks in the kernel, likewise.
    system: u32,
}

impl Stat {
    /// Reads a line of `/proc/PID/stat`. The program's name may hold spaces and brackets, so fields count from the
    /// last bracket on: state is the third.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
        Some(Self {
            group: fields.get(5 - 3)?.parse().ok()?,
            user: ticks(14)? + ticks(16)?,
            system: ticks(15)? + ticks(17)?,
        })
    }
}

/// A line of `/proc/PID/status` such as `VmRSS:  1234 kB`; 0 where it is missing, as for a zombie.
fn kibibytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};

    use super::*;

    const LINE: &str =
        "77 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 310 620 4 5 20 0 1 0 100 9000 500 1";

    #[test]
    fn a_stat_line_with_brackets_in_the_name() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!((stat.group, stat.user, stat.system), (42, 314, 625));
        assert!(Stat::parse("77 (cut) S 1").is_none());
    }

    #[test]
    fn a_status_line() {
        let status = "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(
            (kibibytes(status, "VmRSS:"), kibibytes(status, "VmHWM:")),
            (1024, 2048)
        );
        assert_eq!(kibibytes("Name:\tzombie\n", "VmRSS:"), 0);
    }

    #[test]
    fn this_test_has_a_group_and_a_cost() {
        let group = rustix::process::getpgrp();
        let pids = members(group).unwrap();
        assert!(pids.contains(&std::process::id().cast_signed()));
        assert!(memory(&pids).unwrap().peak > 0);
        assert!(cost(&pids).is_ok());
        assert!(cost(&[]).is_err());
    }

    #[test]
    fn files_in_memory_count_where_they_are_not_mapped() {
        let pids = [std::process::id().cast_signed()];
        let before = memory(&pids).unwrap().now;
        let file = memfd_create("some bytes", MemfdFlags::CLOEXEC).unwrap();
        let size = 64 << 20;
        fallocate(&file, FallocateFlags::empty(), 0, size).unwrap();
        let after = memory(&pids).unwrap().now;
        // Other tests of this process may free some meanwhile.
        assert!(after > before + size / 2, "{before}, {after}");
    }

    #[test]
    fn costs_subtract() {
        let cost = |user, system| Cost {
            user: Duration::from_millis(user),
            system: Duration::from_millis(system),
        };
        assert_eq!(cost(30, 50) - cost(10, 20), cost(20, 30));
    }
}
