//! `[workers]` and its flags.

use crate::file::workers::Workers as Written;
use crate::limits::{self, Bound};
use crate::load::lower::field::{Given, value};
use crate::load::report::Place;
use crate::plan::workers::{DriverChoice, WorkerCount, Workers};
use crate::values::scalar::Scalar;
use crate::values::wrong::Wrong;

pub(super) fn lower(file: Written, given: &Given<'_>, at: &Place<'_>) -> Workers {
    let flags = given.overrides;
    let number =
        |flag: Option<u32>, flag_name, written: &Option<Scalar<u32>>, key, bound: &Bound<u32>| {
            at.key(key)
                .or_flag(flag_name, flag.is_some())
                .bounded(flag.or(value(written)), bound)
        };
    let workers = Workers {
        count: flags
            .workers
            .or(value(&file.count))
            .unwrap_or(WorkerCount::Auto),
        cpus: flags.cpus.clone().or(value(&file.cpus)).map(|cpus| cpus.0),
        pin: flags.pin.or(value(&file.pin)).unwrap_or(true),
        ring_entries: number(
            flags.ring_entries,
            "--ring-entries",
            &file.ring_entries,
            "ring_entries",
            &limits::RING_ENTRIES,
        ),
        driver: flags
            .driver
            .or(value(&file.driver))
            .unwrap_or(DriverChoice::Auto),
        backlog: number(
            flags.backlog,
            "--backlog",
            &file.backlog,
            "backlog",
            &limits::BACKLOG,
        ),
        max_connections: number(
            flags.max_connections,
            "--max-connections",
            &file.max_connections,
            "max_connections",
            &limits::MAX_CONNECTIONS,
        ),
    };
    check_ring(
        &workers,
        &at.key("ring_entries")
            .or_flag("--ring-entries", flags.ring_entries.is_some()),
    );
    check_cpus(
        &workers,
        &at.key("count")
            .or_flag("--workers", flags.workers.is_some()),
    );
    workers
}

fn check_ring(workers: &Workers, at: &Place<'_>) {
    let entries = workers.ring_entries;
    if !entries.is_power_of_two() {
        let wrong = Wrong::new(format!("{entries} is not a power of two"));
        at.say(wrong.help(format!(
            "{} or {}",
            entries.next_power_of_two() / 2,
            entries.next_power_of_two()
        )));
    }
}

fn check_cpus(workers: &Workers, at: &Place<'_>) {
    let (WorkerCount::Fixed(count), Some(cpus), true) = (workers.count, &workers.cpus, workers.pin)
    else {
        return;
    };
    if count as usize > cpus.len() {
        let wrong = Wrong::new(format!(
            "{count} workers cannot be pinned to {} CPUs",
            cpus.len()
        ));
        at.say(wrong.help("one CPU for each worker, or `pin = false` (`--no-pin`)"));
    }
}
