//! Active checks and ejection.

use std::time::Duration;

use crate::file::shape::Or;
use crate::file::upstream::{self as file, CheckWord};
use crate::limits;
use crate::load::lower::field::{no_effect, value};
use crate::load::lower::server_side;
use crate::load::report::Place;
use crate::plan::upstream::{Check, CheckKind, Ejection};
use crate::values::amount::Share;
use crate::values::off::{Off, OrOff};
use crate::values::scalar::Scalar;
use crate::values::status::StatusSet;
use crate::values::wrong::{Wrong, quoted};

pub(super) fn check(
    written: Option<Or<Scalar<OrOff<CheckWord>>, file::Check>>,
    at: &Place<'_>,
) -> Option<Check> {
    let file = match written {
        None => file::Check::default(),
        Some(Or::Table(file)) => file,
        Some(Or::Short(word)) => file::Check {
            kind: Some(Scalar(word.0.into_option()?)),
            ..file::Check::default()
        },
    };
    let interval = at
        .key("interval")
        .bounded(value(&file.interval), &limits::CHECK_INTERVAL);
    Some(Check {
        interval,
        timeout: timeout(value(&file.timeout), interval, at),
        rise: at
            .key("rise")
            .bounded(value(&file.rise), &limits::CHECK_RISE),
        fall: at
            .key("fall")
            .bounded(value(&file.fall), &limits::CHECK_FALL),
        jitter: value(&file.jitter).unwrap_or(Share(limits::CHECK_JITTER)).0,
        kind: kind(file, at),
    })
}

fn timeout(written: Option<Duration>, interval: Duration, at: &Place<'_>) -> Duration {
    let Some(timeout) = at.key("timeout").within(written, &limits::CHECK_TIMEOUT) else {
        return limits::CHECK_TIMEOUT.default.min(interval);
    };
    if timeout > interval && !at.broken("interval") {
        at.key("timeout").say(
            Wrong::new("a check would outlast the interval between checks")
                .help("`timeout` is at most `interval`"),
        );
    }
    timeout
}

fn kind(file: file::Check, at: &Place<'_>) -> CheckKind {
    let http_keys = [
        ("method", file.method.is_some()),
        ("path", file.path.is_some()),
        ("host", file.host.is_some()),
        ("expect", file.expect.is_some()),
        ("body", file.body.is_some()),
    ];
    let http_key = http_keys
        .iter()
        .find(|(_, there)| *there)
        .map(|(key, _)| *key);
    match (value(&file.kind), http_key) {
        (Some(CheckWord::Tcp), Some(key)) => {
            at.key(key).say_of_key(
                no_effect(key, "with `type = \"tcp\"`").help("`type = \"http\"` asks a request"),
            );
            CheckKind::Tcp
        }
        (Some(CheckWord::Tcp) | None, None) => CheckKind::Tcp,
        (Some(CheckWord::Http), _) | (None, Some(_)) => http(file, at),
    }
}

fn http(file: file::Check, at: &Place<'_>) -> CheckKind {
    let path = value(&file.path).unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || path.contains('#') || !path.bytes().all(|b| b.is_ascii_graphic()) {
        let wrong = Wrong::new(format!(
            "{} is not a path that can be asked for",
            quoted(&path)
        ));
        at.key("path").say(
            wrong.help(
                "it begins with `/`, and odd characters are escaped as `%` and two hex digits",
            ),
        );
    }
    let expect = file
        .expect
        .map_or_else(|| StatusSet(vec![200..=299]), server_side::statuses);
    if expect.is_empty() {
        at.key("expect")
            .say(Wrong::new("no status would pass the check"));
    }
    let body = value(&file.body);
    if body.as_ref().is_some_and(String::is_empty) {
        at.key("body")
            .say(Wrong::new("every body holds an empty text").help("leave `body` out"));
    }
    CheckKind::Http {
        method: value(&file.method).map_or_else(|| "GET".to_owned(), |method| method.0),
        path,
        host: value(&file.host).map(|host| host.0),
        expect,
        body,
    }
}

pub(super) fn ejection(
    written: Option<Or<Scalar<Off>, file::Ejection>>,
    at: &Place<'_>,
) -> Ejection {
    let file = match written {
        None => file::Ejection::default(),
        Some(Or::Table(file)) => file,
        Some(Or::Short(_)) => file::Ejection {
            consecutive_failures: Some(Scalar(OrOff::Off)),
            failure_rate: Some(Scalar(OrOff::Off)),
            ..file::Ejection::default()
        },
    };
    let share = |field: &Option<Scalar<Share>>, default| value(field).unwrap_or(Share(default)).0;
    let failures = value(&file.consecutive_failures)
        .map_or(Some(limits::EJECT_FAILURES.default), OrOff::into_option);
    let rate = value(&file.failure_rate)
        .map_or(Some(Share(limits::EJECT_RATE)), OrOff::into_option)
        .map(|rate| rate.0);
    if rate == Some(0.0) {
        at.key("failure_rate").say(
            Wrong::new("a rate of 0 would eject servers that never fail").help("above 0, or `off`"),
        );
    }
    let base_time = at
        .key("base_time")
        .bounded(value(&file.base_time), &limits::EJECT_BASE);
    let max_time = at
        .key("max_time")
        .within(value(&file.max_time), &limits::EJECT_MAX);
    if max_time.is_some_and(|max| max < base_time) {
        at.key("max_time")
            .say(Wrong::new("`max_time` is below `base_time`"));
    }
    Ejection {
        consecutive_failures: at
            .key("consecutive_failures")
            .within(failures, &limits::EJECT_FAILURES),
        failure_rate: rate,
        window: at
            .key("window")
            .bounded(value(&file.window), &limits::EJECT_WINDOW),
        min_requests: at
            .key("min_requests")
            .bounded(value(&file.min_requests), &limits::EJECT_MIN_REQUESTS),
        base_time,
        max_time: max_time.unwrap_or(limits::EJECT_MAX.default.max(base_time)),
        max_share: share(&file.max_share, limits::EJECT_SHARE),
        panic_threshold: share(&file.panic_threshold, limits::PANIC),
    }
}
