//! Plans that a run is served by, one after another.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use ringfence_config::{Overrides, Plan};
use ringfence_io::sim::Dice;

use crate::ledger::FIXED;

/// Where the proxy listens, always and at times.
pub(crate) const DOORS: [SocketAddr; 2] = [at([127, 0, 0, 1], 8080), at([127, 0, 0, 1], 8081)];

/// Where the servers are.
pub(crate) const SERVERS: [SocketAddr; 4] = [
    at([10, 0, 0, 1], 80),
    at([10, 0, 0, 2], 80),
    at([10, 0, 0, 3], 80),
    at([10, 0, 0, 4], 80),
];

const fn at(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)),
        port,
    )
}

/// The ways in which a server is picked.
const BALANCERS: &[&str] = &[
    "round_robin",
    "weighted",
    "least_conn",
    "ip_hash",
    "consistent_hash",
    "p2c",
    "random",
];

/// A plan, and what it promises.
pub(crate) struct Drawn {
    pub(crate) plan: Arc<Plan>,
    /// Client connections at once, in all.
    pub(crate) most_connections: u32,
    /// Exchanges at once on one server; `None` for any number.
    pub(crate) most_places: Option<u32>,
    /// Attempts after the first.
    pub(crate) most_retries: u32,
    /// It has the second door.
    pub(crate) second_door: bool,
}

/// A plan in which everything that can be small is small.
pub(crate) fn draw(dice: &mut Dice) -> Drawn {
    let most_connections = dice.between(6, 60) as u32;
    let most_places = dice.chance(500).then(|| dice.between(1, 4) as u32);
    let most_retries = dice.below(4) as u32;
    let second_door = dice.chance(500);
    let mut text = client_side(dice, most_connections, second_door);
    text += &upstream(dice, most_places);
    text += &retries(dice, most_retries);
    Drawn {
        plan: load(&text),
        most_connections,
        most_places,
        most_retries,
        second_door,
    }
}

/// A plan of fair weather: one that refuses nobody.
pub(crate) fn plain(dice: &mut Dice) -> Drawn {
    let mut text = format!("[[listener]]\naddress = \"{}\"\n", DOORS[0]);
    text += &format!("[[route]]\npath = \"/fixed/*\"\nrespond = {{ body = \"{FIXED}\" }}\n");
    text += "[[route]]\nupstream = \"app\"\n[upstream.app]\n";
    let kept = &SERVERS[..dice.between(1, SERVERS.len() as u64) as usize];
    let servers: Vec<String> = kept.iter().map(|at| format!("\"{at}\"")).collect();
    text += &format!("servers = [{}]\n", servers.join(", "));
    Drawn {
        plan: load(&text),
        most_connections: 65_536,
        most_places: None,
        most_retries: 2,
        second_door: false,
    }
}

/// A plan with a cache in front of one server.
pub(crate) fn cached() -> Drawn {
    let text = format!(
        "[[listener]]\naddress = \"{}\"\n[[route]]\nupstream = \"app\"\ncache = true\n\
         [upstream.app]\nservers = [\"{}\"]\n",
        DOORS[0], SERVERS[0]
    );
    Drawn {
        plan: load(&text),
        most_connections: 65_536,
        most_places: None,
        most_retries: 2,
        second_door: false,
    }
}

pub(crate) fn load(text: &str) -> Arc<Plan> {
    let plan = Plan::load(text, "simulated", &|_| None, &Overrides::default());
    Arc::new(plan.unwrap_or_else(|error| panic!("{error}\n{text}")))
}

fn client_side(dice: &mut Dice, most_connections: u32, second_door: bool) -> String {
    let mut text = String::new();
    for door in &DOORS[..1 + usize::from(second_door)] {
        let _ = writeln!(text, "[[listener]]\naddress = \"{door}\"");
    }
    let _ = writeln!(text, "[workers]\nmax_connections = {most_connections}");
    let mut millis = |least, most| dice.between(least, most);
    let _ = writeln!(
        text,
        "[timeouts]\nhead = \"{}ms\"\nkeep_alive = \"{}ms\"\nbody = \"{}ms\"\nsend = \"{}ms\"\n\
         connect = \"{}ms\"\nfirst_byte = \"{}ms\"\nbetween_bytes = \"{}ms\"",
        millis(500, 5_000),
        millis(100, 5_000),
        millis(500, 5_000),
        millis(500, 5_000),
        millis(50, 2_000),
        millis(100, 3_000),
        millis(100, 3_000),
    );
    if dice.chance(300) {
        let _ = writeln!(text, "request = \"{}ms\"", dice.between(200, 10_000));
    }
    if dice.chance(300) {
        let _ = writeln!(text, "[limits]\nmax_body = {}", dice.between(1, 100_000));
    }
    let _ = writeln!(
        text,
        "[access_log]\nformat = \"{}\"",
        dice.pick(&["off", "json"])
    );
    let _ = writeln!(
        text,
        "[[route]]\npath = \"/fixed/*\"\nrespond = {{ body = \"{FIXED}\" }}\n\
         [[route]]\nupstream = \"app\""
    );
    text
}

fn upstream(dice: &mut Dice, most_places: Option<u32>) -> String {
    let balance = *dice.pick(BALANCERS);
    let mut servers = Vec::new();
    for (ix, server) in SERVERS.iter().enumerate() {
        if ix > 0 && dice.chance(250) {
            continue;
        }
        let limit = most_places.map(|most| format!(", max_connections = {most}"));
        let limit = limit.unwrap_or_default();
        let backup = if ix > 0 && dice.chance(150) {
            ", backup = true"
        } else {
            ""
        };
        // Only some know weights.
        let weight = if balance == "random" {
            1
        } else {
            dice.between(1, 3)
        };
        servers.push(format!(
            "{{ address = \"{server}\", weight = {weight}{limit}{backup} }}"
        ));
    }
    let mut text = format!(
        "[upstream.app]\nservers = [{}]\nbalance = \"{balance}\"\n",
        servers.join(", ")
    );
    if dice.chance(200) {
        text += "sticky = \"here\"\n";
    }
    let _ = writeln!(
        text,
        "queue = {{ size = {}, timeout = \"{}ms\" }}",
        dice.between(1, 30),
        dice.between(50, 3_000)
    );
    let _ = writeln!(
        text,
        "pool = {{ size = {}, idle_timeout = \"{}ms\", max_requests = {} }}",
        dice.between(1, 8),
        dice.between(100, 4_000),
        dice.between(1, 20)
    );
    let _ = writeln!(
        text,
        "ejection = {{ consecutive_failures = {}, base_time = \"{}ms\" }}",
        dice.between(1, 6),
        dice.between(100, 3_000)
    );
    text
}

fn retries(dice: &mut Dice, attempts: u32) -> String {
    let on: Vec<&str> = ["\"connect\"", "\"reset\"", "\"timeout\""]
        .into_iter()
        .filter(|_| dice.chance(700))
        .collect();
    let statuses = if dice.chance(300) { "[\"503\"]" } else { "[]" };
    format!(
        "retry = {{ attempts = {attempts}, on = [{}], statuses = {statuses}, max_body = {} }}\n",
        on.join(", "),
        dice.between(0, 20_000)
    )
}
