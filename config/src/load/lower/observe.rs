//! `[expose]`, `[access_log]`, `[admin]` and `[resolver]`.

use std::path::PathBuf;

use crate::file::observe as file;
use crate::limits;
use crate::load::lower::client::overlap;
use crate::load::lower::field::{Given, value};
use crate::load::report::Place;
use crate::plan::client::Listener;
use crate::plan::observe::{AccessLog, Admin, Expose, LogFormat, LogTarget, Resolver};
use crate::values::off::OrOff;
use crate::values::paths::unix_path;
use crate::values::wrong::Wrong;

pub(super) fn expose(file: &file::Expose) -> Expose {
    Expose {
        backend_server: value(&file.backend_server).unwrap_or(false),
        request_id: value(&file.request_id).unwrap_or(true),
        server_timing: value(&file.server_timing).unwrap_or(false),
    }
}

pub(super) fn access_log(file: file::AccessLog, given: &Given<'_>, at: &Place<'_>) -> AccessLog {
    let flags = given.overrides;
    let to = flags.access_log_to.clone().or(value(&file.to));
    // Whoever says where wants a log.
    let usual = if to.is_some() {
        LogFormat::Json
    } else {
        LogFormat::Off
    };
    AccessLog {
        format: flags.access_log.or(value(&file.format)).unwrap_or(usual),
        to: to.unwrap_or(LogTarget::Stdout),
        queue: at
            .key("queue")
            .bounded(value(&file.queue), &limits::LOG_QUEUE) as usize,
    }
}

pub(super) fn admin(
    file: file::Admin,
    given: &Given<'_>,
    listeners: &[Listener],
    at: &Place<'_>,
) -> Admin {
    let flags = given.overrides;
    let listen = flags
        .admin
        .clone()
        .or(value(&file.listen))
        .map_or_else(|| limits::ADMIN.parse().ok(), OrOff::into_option);
    if let Some(address) = listen.filter(|address| {
        listeners
            .iter()
            .any(|listener| overlap(listener.address, *address))
    }) {
        let here = at.key("listen").or_flag("--admin", flags.admin.is_some());
        here.say(
            Wrong::new(format!("{address} is listened on for clients already"))
                .help("give the admin listener an address of its own, or `off`"),
        );
    }
    let control = match flags.control.clone().or(value(&file.control)) {
        Some(control) => control.into_option(),
        None => Some(default_control(given)),
    };
    if let Some(Err(wrong)) = control
        .as_deref()
        .and_then(|path| path.to_str())
        .map(unix_path)
    {
        at.key("control")
            .or_flag("--control", flags.control.is_some())
            .say(wrong);
    }
    Admin { listen, control }
}

fn default_control(given: &Given<'_>) -> PathBuf {
    let directory = (given.env)("XDG_RUNTIME_DIR").filter(|directory| directory.starts_with('/'));
    PathBuf::from(directory.as_deref().unwrap_or("/run")).join("ringfence.sock")
}

pub(super) fn resolver(file: file::Resolver, at: &Place<'_>) -> Resolver {
    let servers = file.servers.map(|many| many.0).unwrap_or_default();
    at.key("servers")
        .at_most(servers.len(), limits::RESOLVERS, "DNS servers");
    let min_ttl = at
        .key("min_ttl")
        .bounded(value(&file.min_ttl), &limits::MIN_TTL);
    let max_ttl = at
        .key("max_ttl")
        .within(value(&file.max_ttl), &limits::MAX_TTL);
    if max_ttl.is_some_and(|max| max < min_ttl) {
        at.key("max_ttl")
            .say(Wrong::new("`max_ttl` is below `min_ttl`"));
    }
    Resolver {
        servers: servers.into_iter().map(|server| server.0.0).collect(),
        min_ttl,
        max_ttl: max_ttl.unwrap_or(limits::MAX_TTL.default.max(min_ttl)),
        timeout: at
            .key("timeout")
            .bounded(value(&file.timeout), &limits::RESOLVE_TIMEOUT),
    }
}
