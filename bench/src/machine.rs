//! What the comparison runs on: CPUs and who gets which, the kernel, the descriptor limit.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// CPU numbers in the kernel's list form, `0-3,6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpus(pub Vec<usize>);

impl Cpus {
    /// The CPUs that this process may use.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn allowed() -> io::Result<Self> {
        let set = sched_getaffinity(None)?;
        Ok(Self(
            (0..CpuSet::MAX_CPU)
                .filter(|cpu| set.is_set(*cpu))
                .collect(),
        ))
    }

    /// The first `workers` CPUs for the proxy and the rest for origin and load; where none is left, all share all.
    #[must_use]
    pub fn split(&self, workers: usize) -> (Self, Self) {
        if self.0.len() <= workers {
            return (self.clone(), self.clone());
        }
        let (proxy, rest) = self.0.split_at(workers);
        (Self(proxy.to_vec()), Self(rest.to_vec()))
    }

    /// Keeps the calling thread, and all that it starts, on these CPUs.
    ///
    /// # Errors
    /// What the kernel says, for instance where a CPU does not exist.
    pub fn pin_this_thread(&self) -> io::Result<()> {
        let mut set = CpuSet::new();
        for cpu in self.0.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU) {
            set.set(*cpu);
        }
        Ok(sched_setaffinity(None, &set)?)
    }

    /// nginx's form: one mask of binary digits for each worker, the CPUs handed out in turn.
    #[must_use]
    pub fn masks(&self, workers: usize) -> String {
        let mask = |cpu: usize| format!("1{}", "0".repeat(cpu));
        let masks: Vec<String> = self
            .0
            .iter()
            .cycle()
            .take(workers)
            .map(|cpu| mask(*cpu))
            .collect();
        masks.join(" ")
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| {
                text.trim()
                    .parse::<usize>()
                    .map_err(|_| format!("`{part}` is no CPU"))
            };
            let (first, last) = (number(first)?, number(last)?);
            if first > last || last >= CpuSet::MAX_CPU {
                return Err(format!("`{part}` is no range of CPUs"));
            }
            cpus.extend(first..=last);
        }
        cpus.sort_unstable();
        cpus.dedup();
        Ok(Self(cpus))
    }
}

/// The machine, as results name it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The CPU's model name.
    pub cpu: String,
    /// How many CPUs the comparison may use.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// TCP's congestion control: one that paces, as `bbr` does, stops and starts even on loopback.
    pub congestion_control: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpus, kernel, tcp) = (self.cpus, &self.kernel, &self.congestion_control);
        write!(f, "{cpus} CPUs, Linux {kernel}, TCP with {tcp}")
    }
}

impl Machine {
    /// This machine, of which these CPUs may be used.
    #[must_use]
    pub fn with_cpus(allowed: &Cpus) -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let setting = |path: &str| {
            let text = fs::read_to_string(Path::new("/proc/sys").join(path)).unwrap_or_default();
            text.trim().to_owned()
        };
        Self {
            cpu: model
                .map_or("unknown CPU", |(_, name)| name.trim())
                .to_owned(),
            cpus: allowed.0.len(),
            kernel: setting("kernel/osrelease"),
            congestion_control: setting("net/ipv4/tcp_congestion_control"),
        }
    }
}

/// Raises this process's limit on open descriptors as far as allowed, and says what it is then.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_and_print() {
        assert_eq!("0-3,6".parse::<Cpus>().unwrap(), Cpus(vec![0, 1, 2, 3, 6]));
        assert_eq!("2,0,0-1".parse::<Cpus>().unwrap().to_string(), "0,1,2");
        for bad in ["", "a", "3-1", "1-", "999999"] {
            assert!(bad.parse::<Cpus>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_proxy_gets_the_first_cpus() {
        let all = Cpus(vec![0, 1, 2, 3]);
        assert_eq!(all.split(1), (Cpus(vec![0]), Cpus(vec![1, 2, 3])));
        assert_eq!(all.split(4), (all.clone(), all.clone()));
    }

    #[test]
    fn masks_are_binary_and_go_round() {
        assert_eq!(Cpus(vec![0, 2]).masks(3), "1 100 1");
    }
}
