//! Balancers, stickiness, limits and queues, as they can be told from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ringfence_tests::{Client, Origin, Response, Ringfence, eventually, site_with, upstream_table};

/// Nothing but the picker decides: no checks, no ejection.
const CALM: &str = "check = \"off\"\nejection = false\n";

fn origins(count: usize) -> Vec<Origin> {
    (0..count)
        .map(|number| Origin::kit(&number.to_string()))
        .collect()
}

fn start(origins: &[Origin], upstream: &str) -> Ringfence {
    let all: Vec<&Origin> = origins.iter().collect();
    Ringfence::start(&site_with(&all, "", &format!("{CALM}{upstream}")))
}

/// Makes `count` requests, a few on each connection; tells how many each origin answered.
fn tally(ringfence: &Ringfence, count: usize) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    let mut made = 0;
    while made < count {
        let mut client = ringfence.client();
        for _ in 0..10.min(count - made) {
            *tally
                .entry(client.gets("/").expect(200).origin().to_string())
                .or_default() += 1;
            made += 1;
        }
    }
    tally
}

#[track_caller]
fn assert_near(tally: &BTreeMap<String, usize>, expected: &[usize], tolerance: usize) {
    for (number, due) in expected.iter().enumerate() {
        let got = tally.get(&number.to_string()).copied().unwrap_or(0);
        assert!(
            got.abs_diff(*due) <= tolerance,
            "{tally:?} where {expected:?} is due"
        );
    }
}

#[test]
fn round_robin_deals_evenly() {
    let origins = origins(3);
    let ringfence = start(&origins, "balance = \"round_robin\"");
    // Each worker deals on its own.
    assert_near(&tally(&ringfence, 300), &[100, 100, 100], 6);
}

#[test]
fn one_connection_sees_every_server_in_turn() {
    let origins = origins(3);
    let ringfence = start(&origins, "");
    let mut client = ringfence.client();
    let seen: Vec<String> = (0..6)
        .map(|_| client.gets("/").origin().to_string())
        .collect();
    let first: BTreeSet<&String> = seen[..3].iter().collect();
    assert_eq!(first.len(), 3, "{seen:?}");
    assert_eq!(seen[..3], seen[3..], "{seen:?}");
}

/// A site whose servers have tables of their own.
fn weighted_site(servers: &[(&Origin, &str)], upstream: &str) -> String {
    let tables: Vec<String> = servers
        .iter()
        .map(|(origin, lines)| format!("{{ address = \"{}\", {lines} }}", origin.address()))
        .collect();
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [{}]\n{CALM}{upstream}\n",
        tables.join(", ")
    )
}

#[test]
fn weights_are_kept() {
    let origins = origins(3);
    for (balance, tolerance) in [("round_robin", 8), ("weighted", 60), ("least_conn", 60)] {
        let servers = [
            (&origins[0], "weight = 3"),
            (&origins[1], "weight = 2"),
            (&origins[2], "weight = 1"),
        ];
        let ringfence = Ringfence::start(&weighted_site(
            &servers,
            &format!("balance = \"{balance}\""),
        ));
        assert_near(&tally(&ringfence, 600), &[300, 200, 100], tolerance);
    }
}

#[test]
fn smooth_round_robin_does_not_send_bursts() {
    let origins = origins(2);
    let servers = [(&origins[0], "weight = 3"), (&origins[1], "weight = 1")];
    let ringfence = Ringfence::start(&weighted_site(&servers, ""));
    let mut client = ringfence.client();
    let seen: String = (0..16)
        .map(|_| client.gets("/").origin().to_string())
        .collect();
    assert!(!seen.contains("0000"), "{seen}");
}

#[test]
fn random_deals_roughly_evenly() {
    let origins = origins(3);
    let ringfence = start(&origins, "balance = \"random\"");
    assert_near(&tally(&ringfence, 600), &[200, 200, 200], 70);
}

/// Occupies an origin with slow requests, then counts where others go.
fn avoids_the_busy(balance: &str) {
    let origins = [
        Origin::serving("0", |visit| {
            while visit.request()?.is_some() {
                visit.pause(Duration::from_millis(120));
                visit.answer("slow")?;
            }
            Ok(())
        }),
        Origin::kit("1"),
    ];
    let ringfence = start(&origins, &format!("balance = \"{balance}\""));
    let address = ringfence.address();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                let end = Instant::now() + Duration::from_millis(1500);
                while Instant::now() < end {
                    client.gets("/").expect(200);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("every request is answered");
    }
    let (slow, quick) = (origins[0].served(), origins[1].served());
    assert!(
        quick > slow * 4,
        "{balance}: {slow} to the slow one, {quick} to the quick one"
    );
}

#[test]
fn least_conn_avoids_the_busy() {
    avoids_the_busy("least_conn");
}

#[test]
fn p2c_avoids_the_slow() {
    avoids_the_busy("p2c");
}

#[test]
fn ip_hash_keeps_a_client_at_its_server() {
    let origins = origins(3);
    let ringfence = start(&origins, "balance = \"ip_hash\"");
    let mut homes = BTreeSet::new();
    for last in 1..=40 {
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 7, last));
        // Connections of their own, so that more than one worker is asked.
        let ask = || {
            Client::connect_from(source, ringfence.address())
                .gets("/")
                .origin()
                .to_string()
        };
        let home = ask();
        for _ in 0..3 {
            assert_eq!(ask(), home, "client {last}");
        }
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3, "forty clients are spread over all servers");
}

/// Which origin each of a hundred keys goes to.
fn homes(ringfence: &Ringfence, ask: impl Fn(&mut Client, usize) -> Response) -> Vec<String> {
    (0..100)
        .map(|key| {
            ask(&mut ringfence.client(), key)
                .expect(200)
                .origin()
                .to_string()
        })
        .collect()
}

#[test]
fn consistent_hash_goes_by_its_key() {
    let origins = origins(4);
    for (key, ask) in [
        (
            "header:x-user",
            (|c, n| c.asks("GET", "/", &format!("X-User: user-{n}\r\n")))
                as fn(&mut Client, usize) -> Response,
        ),
        ("cookie:sid", |c, n| {
            c.asks("GET", "/", &format!("Cookie: a=b; sid=s{n}; sidx=1\r\n"))
        }),
        ("path", |c, n| {
            c.gets(&format!("/item/{n}?ignored={}", c.local().port()))
        }),
    ] {
        let ringfence = start(
            &origins,
            &format!("balance = \"consistent_hash\"\nhash_key = \"{key}\""),
        );
        let first = homes(&ringfence, ask);
        assert_eq!(
            first,
            homes(&ringfence, ask),
            "{key}: the same key, the same server"
        );
        let spread: BTreeSet<&String> = first.iter().collect();
        assert_eq!(spread.len(), 4, "{key}: {first:?}");
    }
}

#[test]
fn consistent_hash_moves_few_keys() {
    let origins = origins(5);
    let ask = |c: &mut Client, n: usize| c.asks("GET", "/", &format!("X-User: {n}\r\n"));
    let lines = "balance = \"consistent_hash\"\nhash_key = \"header:x-user\"";
    let before = homes(&start(&origins, lines), ask);
    let after = homes(&start(&origins[..4], lines), ask);
    let moved = (0..100)
        .filter(|&n| before[n] != after[n] && before[n] != "4")
        .count();
    assert!(moved <= 12, "{moved} keys moved that had no need to");
}

#[test]
fn two_processes_hash_alike() {
    let origins = origins(3);
    let ask = |c: &mut Client, n: usize| c.asks("GET", "/", &format!("X-User: {n}\r\n"));
    let lines = "balance = \"consistent_hash\"\nhash_key = \"header:x-user\"";
    let (one, two) = (start(&origins, lines), start(&origins, lines));
    assert_eq!(homes(&one, ask), homes(&two, ask));
}

#[test]
fn every_balancer_serves() {
    let origins = origins(2);
    for balance in [
        "round_robin",
        "weighted",
        "least_conn",
        "ip_hash",
        "consistent_hash",
        "p2c",
        "random",
    ] {
        let ringfence = start(&origins, &format!("balance = \"{balance}\""));
        let total: usize = tally(&ringfence, 20).values().sum();
        assert_eq!(total, 20, "{balance}");
    }
}

/// `name=value` of a Set-Cookie, and its attributes in lower case.
fn cookie(answer: &Response) -> Option<(String, Vec<String>)> {
    let all = answer.field("set-cookie")?;
    let mut parts = all.split(';').map(str::trim);
    let pair = parts.next()?.to_string();
    Some((pair, parts.map(str::to_lowercase).collect()))
}

#[test]
fn a_sticky_cookie_brings_the_client_back() {
    let mut origins = origins(3);
    let ringfence = start(
        &origins,
        "sticky = { cookie = \"lb\", ttl = \"1h\", same_site = \"strict\" }",
    );
    let first = ringfence.get("/").expect(200);
    let (pair, attributes) = cookie(&first).expect("a cookie");
    assert!(pair.starts_with("lb="), "{pair}");
    for attribute in ["max-age=3600", "path=/", "httponly", "samesite=strict"] {
        assert!(
            attributes.iter().any(|a| a == attribute),
            "{attribute} in {attributes:?}"
        );
    }
    let home = first.origin().to_string();
    let back = |ringfence: &Ringfence| {
        ringfence
            .client()
            .asks("GET", "/", &format!("Cookie: x=y; {pair}\r\n"))
            .expect(200)
    };
    for _ in 0..12 {
        let answer = back(&ringfence);
        assert_eq!(answer.origin(), home);
        assert_eq!(
            cookie(&answer),
            None,
            "the cookie is not issued again while it is good"
        );
    }
    // It reveals nothing.
    for origin in &origins {
        let address = origin.address();
        let (ip, port) = address.split_once(':').expect("ip:port");
        assert!(!pair.contains(ip) && !pair.contains(port), "{pair}");
    }
    // The server dies: another one takes over and gives a cookie of its own.
    origins[home.parse::<usize>().expect("a number")].dies();
    let moved = back(&ringfence);
    assert_ne!(moved.origin(), home);
    assert_ne!(cookie(&moved).expect("a new cookie").0, pair);
}

#[test]
fn a_client_stays_with_its_server_while_that_drains() {
    let origins = origins(2);
    let at = |drained: usize| {
        let keys = |n| {
            if n == drained {
                "drain = true"
            } else {
                "weight = 1"
            }
        };
        let servers = [(&origins[0], keys(0)), (&origins[1], keys(1))];
        weighted_site(&servers, "sticky = \"lb\"")
    };
    let ringfence = Ringfence::start(&at(2));
    let first = ringfence.get("/").expect(200);
    let (pair, _) = cookie(&first).expect("a cookie");
    let home: usize = first.origin().parse().expect("a number");
    ringfence.reload(&at(home));
    for _ in 0..6 {
        let fields = format!("Cookie: {pair}\r\n");
        let answer = ringfence.client().asks("GET", "/", &fields).expect(200);
        assert_eq!(answer.origin(), first.origin());
        let new = ringfence.get("/").expect(200);
        assert_ne!(new.origin(), first.origin(), "nobody new comes");
    }
}

#[test]
fn a_sticky_cookie_survives_a_reload_and_a_forged_one_is_ignored() {
    let origins = origins(3);
    let all: Vec<&Origin> = origins.iter().collect();
    let config = site_with(&all, "", &format!("{CALM}sticky = \"lb\""));
    let ringfence = Ringfence::start(&config);
    let first = ringfence.get("/").expect(200);
    let (pair, _) = cookie(&first).expect("a cookie");
    ringfence.reload(&config);
    for _ in 0..6 {
        let answer = ringfence
            .client()
            .asks("GET", "/", &format!("Cookie: {pair}\r\n"))
            .expect(200);
        assert_eq!(answer.origin(), first.origin());
    }
    for forged in [
        "lb=",
        "lb=0",
        "lb=../../etc",
        "lb=ffffffffffffffff",
        "lb=\"quoted\"",
    ] {
        let answer = ringfence
            .client()
            .asks("GET", "/", &format!("Cookie: {forged}\r\n"))
            .expect(200);
        assert!(
            cookie(&answer).is_some(),
            "{forged} gets a good cookie instead"
        );
    }
}

/// Starts `count` requests at the same time; tells their statuses and how long each took.
fn at_once(ringfence: &Ringfence, count: usize, path: &'static str) -> Vec<(u16, Duration)> {
    let address = ringfence.address();
    let (tell, told) = mpsc::channel();
    for _ in 0..count {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let start = Instant::now();
            let status = ringfence_tests::get(address, path).status;
            let _ = tell.send((status, start.elapsed()));
        });
    }
    drop(tell);
    told.iter().collect()
}

fn count_of(outcomes: &[(u16, Duration)], status: u16) -> usize {
    outcomes.iter().filter(|(got, _)| *got == status).count()
}

#[test]
fn max_connections_is_kept_by_all_workers_together() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&weighted_site(&[(&origin, "max_connections = 2")], ""));
    let start = Instant::now();
    let outcomes = at_once(&ringfence, 8, "/sleep/200");
    assert_eq!(count_of(&outcomes, 200), 8, "{outcomes:?}");
    // Two at a time: four rounds.
    assert!(
        start.elapsed() >= Duration::from_millis(790),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() < Duration::from_millis(2500),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_full_queue_answers_503_at_once() {
    let origin = Origin::kit("a");
    let queue = "queue = { size = 2, timeout = \"5s\" }";
    let ringfence = Ringfence::start(&weighted_site(&[(&origin, "max_connections = 1")], queue));
    let outcomes = at_once(&ringfence, 8, "/sleep/400");
    assert_eq!(
        (count_of(&outcomes, 200), count_of(&outcomes, 503)),
        (3, 5),
        "{outcomes:?}"
    );
    let quick = outcomes.iter().filter(|(status, _)| *status == 503);
    assert!(
        quick
            .clone()
            .all(|(_, took)| *took < Duration::from_millis(350)),
        "{outcomes:?}"
    );
}

#[test]
fn waiting_too_long_in_the_queue_answers_503() {
    let origin = Origin::kit("a");
    let queue = "queue = { size = 10, timeout = \"200ms\" }";
    let ringfence = Ringfence::start(&weighted_site(&[(&origin, "max_connections = 1")], queue));
    let outcomes = at_once(&ringfence, 4, "/sleep/1000");
    assert_eq!(
        (count_of(&outcomes, 200), count_of(&outcomes, 503)),
        (1, 3),
        "{outcomes:?}"
    );
    let waited = outcomes
        .iter()
        .filter(|(status, _)| *status == 503)
        .map(|(_, took)| *took);
    for took in waited {
        assert!(
            took >= Duration::from_millis(190) && took < Duration::from_millis(900),
            "{took:?}"
        );
    }
}

#[test]
fn a_client_that_leaves_the_queue_makes_room() {
    let origin = Origin::kit("a");
    let queue = "queue = { size = 1, timeout = \"5s\" }";
    let ringfence = Ringfence::start(&weighted_site(&[(&origin, "max_connections = 1")], queue));
    let mut first = ringfence.client();
    first.says("GET /sleep/600 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let mut leaver = ringfence.client();
    leaver.says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    leaver.resets();
    std::thread::sleep(Duration::from_millis(100));
    ringfence.get("/").expect(200);
    first.hears().expect(200);
    let targets: Vec<String> = origin.requests().iter().map(|r| r.target.clone()).collect();
    assert_eq!(
        targets,
        ["/sleep/600", "/"],
        "nobody works for a client that left"
    );
}

#[test]
fn backups_wait_until_all_others_are_gone() {
    let mut origins = origins(3);
    let servers = [
        (&origins[0], "weight = 1"),
        (&origins[1], "weight = 1"),
        (&origins[2], "backup = true"),
    ];
    let lines = "check = { type = \"tcp\", interval = \"100ms\", timeout = \"100ms\", fall = 1, rise = 1 }\n";
    let budget = "retry_budget = { share = 1.0, min_per_second = 1000 }";
    let config = weighted_site(&servers, budget).replace("check = \"off\"\n", lines);
    let ringfence = Ringfence::start(&config);
    assert_eq!(tally(&ringfence, 30).get("2"), None);
    origins[0].dies();
    let alone = tally(&ringfence, 30);
    assert_eq!(alone.get("2"), None, "{alone:?}");
    origins[1].dies();
    assert_eq!(
        tally(&ringfence, 30),
        BTreeMap::from([("2".to_string(), 30)])
    );
    origins[0].revives();
    eventually("the others take over again", || {
        ringfence.get("/").origin() == "0"
    });
}

#[test]
fn pooled_connections_are_given_up_after_their_time() {
    let origin = Origin::kit("a");
    let ringfence = start(
        std::slice::from_ref(&origin),
        "pool = { idle_timeout = \"300ms\" }",
    );
    ringfence.get("/").expect(200);
    assert_eq!(origin.open_connections(), 1);
    eventually("an idle connection is closed", || {
        origin.open_connections() == 0
    });
    ringfence.get("/").expect(200);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn pooled_connections_are_given_up_after_their_requests() {
    let origin = Origin::kit("a");
    let ringfence = start(std::slice::from_ref(&origin), "pool = { max_requests = 5 }");
    let mut client = ringfence.client();
    for _ in 0..20 {
        client.gets("/").expect(200);
    }
    assert_eq!(origin.connections(), 4);
}

#[test]
fn without_a_pool_every_request_connects() {
    let origin = Origin::kit("a");
    let ringfence = start(std::slice::from_ref(&origin), "pool = false");
    let mut client = ringfence.client();
    for _ in 0..5 {
        client.gets("/").expect(200);
    }
    assert_eq!(origin.connections(), 5);
    eventually("none stays open", || origin.open_connections() == 0);
}

#[test]
fn workers_share_what_is_idle() {
    let origin = Origin::kit("a");
    let ringfence = start(std::slice::from_ref(&origin), "");
    // One after another, on connections that land on either worker.
    for _ in 0..60 {
        ringfence.get("/").expect(200);
    }
    assert!(
        origin.connections() <= 4,
        "{} connections for 60 requests",
        origin.connections()
    );
}

#[test]
fn several_upstreams_do_not_mix() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let config = "[[listener]]\naddress = \"127.0.0.1:0\"\n\
        [[route]]\npath = \"/a/*\"\nupstream = \"a\"\n[[route]]\npath = \"/b/*\"\nupstream = \"b\"\n"
        .to_string()
        + &upstream_table("a", &[&a], "")
        + &upstream_table("b", &[&b], "");
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    for _ in 0..10 {
        assert_eq!(client.gets("/a/").expect(200).origin(), "a");
        assert_eq!(client.gets("/b/").expect(200).origin(), "b");
    }
}

#[test]
fn a_server_that_drains_finishes_and_gets_nothing_new() {
    let origins = origins(2);
    let plain = [(&origins[0], "weight = 1"), (&origins[1], "backup = true")];
    let ringfence = Ringfence::start(&weighted_site(&plain, ""));
    let mut client = ringfence.client();
    client.says("GET /drip/8/80 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.hears_through("\r\n\r\n");
    let draining = [(&origins[0], "drain = true"), (&origins[1], "weight = 1")];
    ringfence.reload(&weighted_site(&draining, ""));
    assert_eq!(
        tally(&ringfence, 20),
        BTreeMap::from([("1".to_string(), 20)])
    );
    assert_eq!(client.hears_bytes(8).len(), 8);
    assert_eq!(client.gets("/").expect(200).origin(), "1");
    ringfence.reload(&weighted_site(&plain, ""));
    assert_eq!(ringfence.get("/").expect(200).origin(), "0");
}
