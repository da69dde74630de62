//! The process as the kernel describes it in `/proc`. What can't be read is left out.

use ringfence_telemetry::Process;
use std::{fs, time::Duration};

/// What the kernel says of this process now.
pub(crate) fn process() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |key| number_after(&status, key).map(|kib| kib * 1024);
    Process {
        cpu: fs::read_to_string("/proc/self/stat")
            .ok()
            .and_then(|stat| cpu_of_stat(&stat)),
        resident_bytes: kib("VmRSS:"),
        virtual_bytes: kib("VmSize:"),
        open_fds: open_fds(),
        max_fds: fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|limits| number_after(&limits, "Max open files")),
        threads: number_after(&status, "Threads:"),
    }
}

/// The CPU time of one of our threads, by the kernel's id.
pub(crate) fn thread_cpu(thread: u32) -> Option<Duration> {
    let dir = format!("/proc/self/task/{thread}");
    // Nanoseconds, where the kernel counts them; else in ticks.
    let exact = fs::read_to_string(format!("{dir}/schedstat"))
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map(Duration::from_nanos);
    exact.or_else(|| cpu_of_stat(&fs::read_to_string(format!("{dir}/stat")).ok()?))
}

/// User and system time in a `stat` file.
fn cpu_of_stat(stat: &str) -> Option<Duration> {
    /// Linux counts these in hundredths of a second on every architecture (USER_HZ).
    const TICK: Duration = Duration::from_millis(10);
    // The name before may hold anything, spaces and parentheses too.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let ticks = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// The first number on the line that begins with `key`.
fn number_after(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

fn open_fds() -> Option<u64> {
    // Since Linux 6.2 the directory's size is their number; counting 100,000 of them would hold up the thread.
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 {
        return Some(size);
    }
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let process = process();
        assert!(process.resident_bytes.unwrap() > 100_000);
        assert!(process.virtual_bytes >= process.resident_bytes);
        assert!(process.open_fds.unwrap() >= 3);
        assert!(process.max_fds >= process.open_fds);
        assert!(process.threads.unwrap() >= 1);
        assert!(process.cpu.is_some());
    }

    #[test]
    fn reads_a_thread() {
        let link = fs::read_link("/proc/thread-self").unwrap();
        let thread = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
        assert!(thread_cpu(thread).unwrap() < Duration::from_secs(60));
        assert_eq!(thread_cpu(0), None);
    }

    #[test]
    fn a_name_with_spaces_and_parentheses() {
        let stat = "1 (a) b) (c) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 100";
        assert_eq!(cpu_of_stat(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_of_stat("1 (a)"), None);
    }
}
