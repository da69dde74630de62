//! The control plane's own numbers.

use super::text::{Kind, Text};
use crate::stats::ControlStats;

pub(super) fn control(text: &mut Text<'_>, stats: &ControlStats) {
    let plain = [
        (
            "ringfence_check_transitions_total",
            "Changes of a server between up and down by its active checks.",
            &stats.check_transitions,
        ),
        (
            "ringfence_access_log_written_total",
            "Access-log lines written.",
            &stats.log_written,
        ),
        (
            "ringfence_access_log_write_errors_total",
            "Writes to the access log that failed and are tried again.",
            &stats.log_write_errors,
        ),
        (
            "ringfence_access_log_lost_total",
            "Access-log lines given up because the log could not be written.",
            &stats.log_lost,
        ),
    ];
    for (name, help, counter) in plain {
        text.head(name, Kind::Counter, help);
        text.sample(&[], counter.get());
    }
    let by_result = [
        (
            "ringfence_checks_total",
            "Active checks of servers, by result.",
            [&stats.checks_passed, &stats.checks_failed],
        ),
        (
            "ringfence_resolutions_total",
            "Look-ups of server names, by result.",
            [&stats.resolutions, &stats.resolution_failures],
        ),
        (
            "ringfence_reloads_total",
            "Reloads of the configuration, by result.",
            [&stats.reloads, &stats.reload_failures],
        ),
    ];
    for (name, help, [passed, failed]) in by_result {
        text.head(name, Kind::Counter, help);
        text.sample(&[("result", "passed")], passed.get());
        text.sample(&[("result", "failed")], failed.get());
    }
}
