//! Everything but routes and upstreams.

use crate::file::client as client_file;
use crate::file::observe as observe_file;
use crate::file::shape::OneOrMany;
use crate::file::workers as workers_file;
use crate::load::effective::field::{or_off, some};
use crate::plan::client::{ClientTimeouts, Forwarding, Limits, Listener};
use crate::plan::observe::{AccessLog, Admin, Expose, Resolver};
use crate::plan::workers::Workers;
use crate::values::address::DnsServer;
use crate::values::amount::Size;
use crate::values::cpus::CpuList;
use crate::values::scalar::Scalar;
use crate::values::token::Token;

pub(super) fn workers(plan: &Workers) -> workers_file::Workers {
    workers_file::Workers {
        count: some(plan.count),
        cpus: plan.cpus.clone().map(|cpus| Scalar(CpuList(cpus))),
        pin: some(plan.pin),
        ring_entries: some(plan.ring_entries),
        driver: some(plan.driver),
        backlog: some(plan.backlog),
        max_connections: some(plan.max_connections),
    }
}

pub(super) fn listener(plan: &Listener) -> client_file::Listener {
    client_file::Listener {
        address: some(plan.address),
    }
}

/// The server's side is in the routes, resolved.
pub(super) fn timeouts(plan: &ClientTimeouts) -> client_file::Timeouts {
    client_file::Timeouts {
        head: some(plan.head),
        keep_alive: some(plan.keep_alive),
        body: some(plan.body),
        send: some(plan.send),
        drain: some(plan.drain),
        ..client_file::Timeouts::default()
    }
}

pub(super) fn limits(plan: &Limits) -> client_file::Limits {
    client_file::Limits {
        max_line: some(Size(plan.max_line as u64)),
        max_head: some(Size(plan.max_head as u64)),
        max_fields: u32::try_from(plan.max_fields).ok().map(Scalar),
        max_body: None,
        min_receive_rate: some(Size(plan.min_receive_rate)),
        rate_grace: some(plan.rate_grace),
        max_buffers: some(Size(plan.max_buffers)),
        merge_slashes: some(plan.merge_slashes),
    }
}

pub(super) fn forwarding(plan: &Forwarding) -> client_file::Forwarding {
    client_file::Forwarding {
        trusted: Some(OneOrMany(
            plan.trusted.iter().copied().map(Scalar).collect(),
        )),
        forwarded: some(plan.forwarded),
        x_forwarded: some(plan.x_forwarded),
        request_id: some(plan.request_id),
        via: or_off(plan.via.clone().map(Token)),
    }
}

pub(super) fn expose(plan: &Expose) -> observe_file::Expose {
    observe_file::Expose {
        backend_server: some(plan.backend_server),
        request_id: some(plan.request_id),
        server_timing: some(plan.server_timing),
    }
}

pub(super) fn access_log(plan: &AccessLog) -> observe_file::AccessLog {
    observe_file::AccessLog {
        format: some(plan.format),
        to: some(plan.to.clone()),
        queue: u32::try_from(plan.queue).ok().map(Scalar),
    }
}

pub(super) fn admin(plan: &Admin) -> observe_file::Admin {
    observe_file::Admin {
        listen: or_off(plan.listen),
        control: or_off(plan.control.clone()),
    }
}

pub(super) fn resolver(plan: &Resolver) -> observe_file::Resolver {
    observe_file::Resolver {
        servers: Some(OneOrMany(
            plan.servers
                .iter()
                .map(|server| Scalar(DnsServer(*server)))
                .collect(),
        )),
        min_ttl: some(plan.min_ttl),
        max_ttl: some(plan.max_ttl),
        timeout: some(plan.timeout),
    }
}
