//! Upstreams.

use crate::file::shape::{OneOrMany, Or};
use crate::file::upstream as file;
use crate::load::effective::field::{or_off, some};
use crate::plan::upstream::{Balance, Check, CheckKind, Ejection, Pool, Server, Sticky, Upstream};
use crate::values::amount::Share;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::token::{FieldValue, Token};

pub(super) fn upstream(plan: &Upstream) -> file::Upstream {
    file::Upstream {
        servers: Some(OneOrMany(
            plan.servers
                .iter()
                .map(|found| Or::Table(server(found)))
                .collect(),
        )),
        balance: some(plan.balance),
        hash_key: (plan.balance == Balance::ConsistentHash).then(|| Scalar(plan.hash_key.clone())),
        host: plan.host.clone().map(|host| Scalar(FieldValue(host))),
        slow_start: some(plan.slow_start),
        max_body: None,
        check: Some(
            plan.check
                .as_ref()
                .map_or(Or::Short(Scalar(OrOff::Off)), |found| {
                    Or::Table(check(found))
                }),
        ),
        ejection: Some(Or::Table(ejection(&plan.ejection))),
        sticky: Some(
            plan.sticky
                .as_ref()
                .map_or(Or::Short(Scalar(OrOff::Off)), |found| {
                    Or::Table(sticky(found))
                }),
        ),
        queue: Some(file::Queue {
            size: some(plan.queue.size),
            timeout: some(plan.queue.timeout),
        }),
        pool: Some(Or::Table(pool(&plan.pool))),
        retry_budget: Some(file::RetryBudget {
            share: some(Share(plan.retry_budget.share)),
            min_per_second: some(plan.retry_budget.min_per_second),
        }),
        timeouts: None,
        retry: None,
    }
}

fn server(plan: &Server) -> file::Server {
    file::Server {
        address: some(plan.address.clone()),
        label: plan.label.clone().map(|label| Scalar(FieldValue(label))),
        weight: some(plan.weight),
        backup: some(plan.backup),
        drain: some(plan.drain),
        max_connections: or_off(plan.max_connections),
    }
}

fn check(plan: &Check) -> file::Check {
    let mut check = file::Check {
        kind: some(file::CheckWord::Tcp),
        interval: some(plan.interval),
        timeout: some(plan.timeout),
        rise: some(plan.rise),
        fall: some(plan.fall),
        jitter: some(Share(plan.jitter)),
        ..file::Check::default()
    };
    if let CheckKind::Http {
        method,
        path,
        host,
        expect,
        body,
    } = &plan.kind
    {
        check.kind = some(file::CheckWord::Http);
        check.method = some(Token(method.clone()));
        check.path = some(path.clone());
        check.host = host.clone().map(|host| Scalar(FieldValue(host)));
        check.expect = Some(OneOrMany(expect.parts().map(Scalar).collect()));
        check.body = body.clone().map(Scalar);
    }
    check
}

fn ejection(plan: &Ejection) -> file::Ejection {
    file::Ejection {
        consecutive_failures: or_off(plan.consecutive_failures),
        failure_rate: or_off(plan.failure_rate.map(Share)),
        window: some(plan.window),
        min_requests: some(plan.min_requests),
        base_time: some(plan.base_time),
        max_time: some(plan.max_time),
        max_share: some(Share(plan.max_share)),
        panic_threshold: some(Share(plan.panic_threshold)),
    }
}

fn sticky(plan: &Sticky) -> file::Sticky {
    file::Sticky {
        cookie: some(Token(plan.cookie.clone())),
        ttl: or_off(plan.ttl),
        path: some(plan.path.clone()),
        domain: plan.domain.clone().map(Scalar),
        secure: some(plan.secure),
        http_only: some(plan.http_only),
        same_site: some(plan.same_site),
        secret: plan.secret.clone().map(|secret| Scalar(secret.0)),
    }
}

fn pool(plan: &Pool) -> file::Pool {
    file::Pool {
        size: some(plan.size),
        idle_timeout: some(plan.idle_timeout),
        max_age: or_off(plan.max_age),
        max_requests: or_off(plan.max_requests),
    }
}
