//! `[upstream.NAME]`.

use std::collections::BTreeMap;

use crate::file::shape::{OneOrMany, Or};
use crate::file::upstream as file;
use crate::limits;
use crate::load::lower::field::{no_effect, value};
use crate::load::lower::server_side::{self, Layer};
use crate::load::lower::{check, sticky};
use crate::load::report::Place;
use crate::plan::upstream::{Balance, HashKey, Pool, Queue, RetryBudget, Server, Upstream};
use crate::values::amount::Share;
use crate::values::endpoint::ServerAddress;
use crate::values::off::{Off, OrOff};
use crate::values::scalar::Scalar;
use crate::values::wrong::{Wrong, quoted};

/// The upstream, and what it says for its routes.
pub(super) fn lower(name: &str, file: file::Upstream, at: &Place<'_>) -> (Upstream, Layer) {
    check_name(name, at);
    let balance = value(&file.balance).unwrap_or(Balance::RoundRobin);
    if file.hash_key.is_some() && balance != Balance::ConsistentHash && !at.broken("balance") {
        let wrong = no_effect("hash_key", format_args!("with `balance = \"{balance}\"`"));
        at.key("hash_key")
            .say_of_key(wrong.help("it belongs to `balance = \"consistent_hash\"`"));
    }
    let queue = queue(&file.queue.unwrap_or_default(), &at.key("queue"));
    let mut layer = server_side::of_upstream(file.timeouts, file.max_body.as_ref(), file.retry, at);
    layer.queue = Some(queue.timeout);
    let upstream = Upstream {
        name: name.to_owned(),
        servers: servers(file.servers, balance, at),
        balance,
        hash_key: value(&file.hash_key).unwrap_or(HashKey::Ip),
        check: check::check(file.check, &at.key("check")),
        ejection: check::ejection(file.ejection, &at.key("ejection")),
        sticky: sticky::lower(file.sticky, &at.key("sticky")),
        queue,
        slow_start: at
            .key("slow_start")
            .bounded(value(&file.slow_start), &limits::SLOW_START),
        pool: pool(file.pool, &at.key("pool")),
        retry_budget: retry_budget(
            &file.retry_budget.unwrap_or_default(),
            &at.key("retry_budget"),
        ),
        host: value(&file.host).map(|host| host.0),
    };
    (upstream, layer)
}

fn check_name(name: &str, at: &Place<'_>) {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > limits::NAME || !name.bytes().all(fine) {
        let wrong = Wrong::new(format!(
            "{} cannot be the name of an upstream",
            quoted(name)
        ));
        at.say_of_key(wrong.help(format!(
            "letters, digits, `-`, `_` and `.`, at most {}",
            limits::NAME
        )));
    }
}

type Servers = OneOrMany<Or<Scalar<ServerAddress>, file::Server>>;

fn servers(written: Option<Servers>, balance: Balance, at: &Place<'_>) -> Vec<Server> {
    let Some(OneOrMany(written)) = written else {
        at.missing(
            "servers",
            "for example `servers = [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]`",
        );
        return Vec::new();
    };
    let all = at.key("servers");
    all.at_most(written.len(), limits::SERVERS, "servers");
    let mut seen = BTreeMap::new();
    let mut servers = Vec::new();
    for (place, written) in written.into_iter().enumerate() {
        let here = all.index(place);
        let Some(server) = server(written, balance, &here) else {
            continue;
        };
        if let Some(first) = seen.insert(server.address.clone(), place) {
            here.say_beside(
                Wrong::new(format!("the server {} is there twice", server.address)),
                &all.index(first),
                "first here",
            );
        }
        servers.push(server);
    }
    check_labels(&servers, &all);
    if at.broken("servers") {
        return servers;
    }
    if servers.is_empty() {
        all.say(
            Wrong::new("an upstream without servers")
                .help("for example `servers = [\"127.0.0.1:3001\"]`"),
        );
    } else if servers.iter().all(|server| server.backup) {
        all.say(
            Wrong::new("every server is a backup")
                .help("a backup stands in for another server; leave `backup` out for one of them"),
        );
    }
    servers
}

/// Logs and metrics tell servers apart by their labels.
fn check_labels(servers: &[Server], all: &Place<'_>) {
    let shown = |server: &Server| {
        server
            .label
            .clone()
            .unwrap_or_else(|| server.address.to_string())
    };
    let mut seen = BTreeMap::new();
    for (place, server) in servers.iter().enumerate() {
        let label = shown(server);
        let Some(first) = seen.insert(label.clone(), place) else {
            continue;
        };
        // Two equal addresses have been complained about.
        if server.label.is_none() && servers[first].label.is_none() {
            continue;
        }
        let wrong = Wrong::new(format!("two servers go by the name {label}"));
        all.index(place)
            .say_beside(wrong, &all.index(first), "first here");
    }
}

fn server(
    written: Or<Scalar<ServerAddress>, file::Server>,
    balance: Balance,
    at: &Place<'_>,
) -> Option<Server> {
    let file = match written {
        Or::Short(address) => file::Server {
            address: Some(address),
            ..file::Server::default()
        },
        Or::Table(file) => file,
    };
    let weight = at
        .key("weight")
        .bounded(value(&file.weight), &limits::WEIGHT);
    if weight != limits::WEIGHT.default && balance == Balance::Random {
        at.key("weight").say_of_key(
            no_effect("weight", "with `balance = \"random\"`")
                .help("`balance = \"weighted\"` picks at random by weight"),
        );
    }
    let most = value(&file.max_connections).and_then(OrOff::into_option);
    let max_connections = at
        .key("max_connections")
        .within(most, &limits::SERVER_CONNECTIONS);
    let Some(address) = value(&file.address) else {
        at.missing("address", "for example `address = \"127.0.0.1:3001\"`");
        return None;
    };
    Some(Server {
        address,
        label: value(&file.label).map(|label| label.0),
        weight,
        backup: value(&file.backup).unwrap_or(false),
        drain: value(&file.drain).unwrap_or(false),
        max_connections,
    })
}

fn queue(file: &file::Queue, at: &Place<'_>) -> Queue {
    Queue {
        size: at
            .key("size")
            .bounded(value(&file.size), &limits::QUEUE_SIZE),
        timeout: at
            .key("timeout")
            .bounded(value(&file.timeout), &limits::QUEUE_TIMEOUT),
    }
}

fn pool(written: Option<Or<Scalar<Off>, file::Pool>>, at: &Place<'_>) -> Pool {
    let (file, off) = match written {
        None => (file::Pool::default(), false),
        Some(Or::Short(_)) => (file::Pool::default(), true),
        Some(Or::Table(file)) => (file, false),
    };
    let size = at
        .key("size")
        .bounded(value(&file.size), &limits::POOL_SIZE);
    let age = file
        .max_age
        .map_or(Some(limits::POOL_AGE.default), |age| age.0.into_option());
    Pool {
        size: if off { 0 } else { size },
        idle_timeout: at
            .key("idle_timeout")
            .bounded(value(&file.idle_timeout), &limits::POOL_IDLE),
        max_age: at.key("max_age").within(age, &limits::POOL_AGE),
        max_requests: at.key("max_requests").within(
            value(&file.max_requests).and_then(OrOff::into_option),
            &limits::POOL_REQUESTS,
        ),
    }
}

fn retry_budget(file: &file::RetryBudget, at: &Place<'_>) -> RetryBudget {
    RetryBudget {
        share: value(&file.share).unwrap_or(Share(limits::RETRY_SHARE)).0,
        min_per_second: at
            .key("min_per_second")
            .bounded(value(&file.min_per_second), &limits::RETRY_MIN),
    }
}
