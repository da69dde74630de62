//! Which CPUs the workers run on: what the kernel grants, and what the user asked for.

use ringfence_config::{CpuList, WorkerCount, Workers};

/// What this process may use. Read it once, before any thread is pinned: a pinned thread sees only its own CPU.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The CPUs of the affinity mask, lowest first; empty where the mask could not be read.
    pub(crate) allowed: Vec<usize>,
    /// How many threads can run at once: the mask, or less where a cgroup quota says so. At least 1.
    pub(crate) parallelism: usize,
}

impl Machine {
    /// Reads the affinity mask and the cgroup quota of the calling thread.
    pub(crate) fn read() -> Self {
        let mut allowed: Vec<usize> = core_affinity::get_core_ids()
            .unwrap_or_default()
            .into_iter()
            .map(|core| core.id)
            .collect();
        allowed.sort_unstable();
        let parallelism = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            allowed,
            parallelism,
        }
    }

    /// One entry for each worker: the CPU to pin it to, or `None` to leave it to the kernel.
    ///
    /// `auto` means one worker for each CPU of the list, or, without a list, as many as can run at once. More workers
    /// than CPUs share them in turn.
    ///
    /// # Errors
    /// A sentence for the user when the list names a CPU outside the mask.
    pub(crate) fn assign(&self, workers: &Workers) -> Result<Vec<Option<usize>>, String> {
        let list = workers.cpus.as_deref();
        self.check(list.unwrap_or_default())?;
        let cpus = list.unwrap_or(&self.allowed);
        let count = match workers.count {
            WorkerCount::Auto => list.map_or(self.parallelism, <[usize]>::len),
            WorkerCount::Fixed(count) => count as usize,
        };
        let pin = workers.pin && !cpus.is_empty();
        Ok((0..count.max(1))
            .map(|ix| pin.then(|| cpus[ix % cpus.len()]))
            .collect())
    }

    fn check(&self, list: &[usize]) -> Result<(), String> {
        let missing: Vec<usize> = list
            .iter()
            .copied()
            .filter(|cpu| !self.allowed.contains(cpu))
            .collect();
        if missing.is_empty() || self.allowed.is_empty() {
            return Ok(());
        }
        Err(format!(
            "CPU {} is not among those that this process may use ({})",
            CpuList(missing).show(),
            CpuList(self.allowed.clone()).show()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_config::DriverChoice;

    fn machine(allowed: &[usize], parallelism: usize) -> Machine {
        Machine {
            allowed: allowed.to_vec(),
            parallelism,
        }
    }

    fn workers(count: WorkerCount, cpus: Option<&[usize]>, pin: bool) -> Workers {
        Workers {
            count,
            cpus: cpus.map(<[usize]>::to_vec),
            pin,
            ring_entries: 1024,
            driver: DriverChoice::Auto,
            backlog: 1024,
            max_connections: 1024,
        }
    }

    #[test]
    fn auto_follows_the_quota_and_the_list() {
        let machine = machine(&[0, 1, 4, 5], 2);
        let auto = |cpus, pin| {
            machine
                .assign(&workers(WorkerCount::Auto, cpus, pin))
                .unwrap()
        };
        assert_eq!(auto(None, true), [Some(0), Some(1)]);
        assert_eq!(auto(Some(&[1, 4, 5]), true), [Some(1), Some(4), Some(5)]);
        assert_eq!(auto(Some(&[1, 4]), false), [None, None]);
    }

    #[test]
    fn more_workers_than_cpus_share_them() {
        let three = workers(WorkerCount::Fixed(3), None, true);
        assert_eq!(
            machine(&[2, 3], 2).assign(&three).unwrap(),
            [Some(2), Some(3), Some(2)]
        );
    }

    #[test]
    fn a_cpu_outside_the_mask_is_named() {
        let listed = workers(WorkerCount::Auto, Some(&[0, 1, 2]), true);
        let error = machine(&[0], 1).assign(&listed).unwrap_err();
        assert_eq!(
            error,
            "CPU 1-2 is not among those that this process may use (0)"
        );
    }

    #[test]
    fn an_unreadable_mask_pins_nothing() {
        let two = workers(WorkerCount::Fixed(2), None, true);
        assert_eq!(machine(&[], 3).assign(&two).unwrap(), [None, None]);
    }
}
